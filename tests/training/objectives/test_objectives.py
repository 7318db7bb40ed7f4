"""Every objective, values and gradients, against its formula written as loops over tokens."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from alignment_dagster.training.objectives import load_objective
from alignment_dagster.training.objectives.targets import IGNORED, Targets

SEQUENCES, LENGTH, VOCABULARY = 2, 5, 7
ALPHA, BETA = 0.3, 0.5


def draw(seed: int) -> tuple[Tensor, Tensor, Targets]:
    """Logits and values that gradients are wanted of, and targets of every kind."""
    source = torch.Generator().manual_seed(seed)
    shape = (SEQUENCES, LENGTH)
    logits = 3 * torch.randn((*shape, VOCABULARY), generator=source)
    tokens = torch.randint(0, VOCABULARY, shape, generator=source)
    tokens[0, 2] = tokens[:, -1] = IGNORED
    values = torch.randn(shape, generator=source)
    targets = Targets(
        tokens,
        torch.rand(shape, generator=source) < 0.5,
        torch.rand(shape, generator=source),
        torch.randn(shape, generator=source),
    )
    return logits.requires_grad_(), values.requires_grad_(), targets


Loss = Callable[[Tensor, Tensor, Targets, int, int], Tensor]


def probability(logits: Tensor, targets: Targets, row: int, at: int) -> Tensor:
    exponentials = logits[row, at].exp()
    return exponentials[int(targets.tokens[row, at])] / exponentials.sum()


def likely(logits: Tensor, _values: Tensor, targets: Targets, row: int, at: int) -> Tensor:
    return -probability(logits, targets, row, at).log()


def unlikely(logits: Tensor, values: Tensor, targets: Targets, row: int, at: int) -> Tensor:
    assert targets.unlearned is not None
    if not targets.unlearned[row, at]:
        return likely(logits, values, targets, row, at)
    return -ALPHA * (1 - probability(logits, targets, row, at)).log()


def by_reward(logits: Tensor, values: Tensor, targets: Targets, row: int, at: int) -> Tensor:
    assert targets.rewards is not None
    factor = min(math.exp(float(targets.rewards[row, at]) / BETA), 1000.0)
    return likely(logits, values, targets, row, at) * factor


def by_advantage(logits: Tensor, values: Tensor, targets: Targets, row: int, at: int) -> Tensor:
    assert targets.rewards is not None
    reward = targets.rewards[row, at]
    advantage = float(reward - values.detach()[row, at])
    factor = min(math.exp(advantage / BETA), 1000.0)
    policy = likely(logits, values, targets, row, at) * factor
    return ALPHA * policy + (1 - ALPHA) * (reward - values[row, at]) ** 2


FORMULAS: dict[str, tuple[dict[str, float], Loss]] = {
    "maximum_likelihood": ({}, likely),
    "conditional": ({}, likely),
    "unlikelihood": ({"alpha": ALPHA}, unlikely),
    "reward_weighted": ({"beta": BETA}, by_reward),
    "advantage_weighted": ({"alpha": ALPHA, "beta": BETA}, by_advantage),
}


def reference(loss: Loss, logits: Tensor, values: Tensor, targets: Targets) -> Tensor:
    total = torch.zeros(())
    for row in range(SEQUENCES):
        for at in range(LENGTH):
            if targets.tokens[row, at] == IGNORED:
                continue
            weight = 1.0 if targets.weights is None else targets.weights[row, at]
            total = total + weight * loss(logits, values, targets, row, at)
    return total


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_gradients_are_those_of_the_formula(name: str, weighted: bool) -> None:
    parameters, formula = FORMULAS[name]
    for seed in range(3):
        logits, values, targets = draw(seed)
        if not weighted:
            targets = replace(targets, weights=None)
        objective = load_objective(name, parameters)
        found = objective(logits, replace(targets, values=values))
        wanted = reference(formula, logits, values, targets)
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
        one, other = (
            torch.autograd.grad(each, (logits, values), allow_unused=True)
            for each in (found, wanted)
        )
        torch.testing.assert_close(one[0], other[0], rtol=1e-6, atol=1e-6)
        if name == "advantage_weighted":
            torch.testing.assert_close(one[1], other[1], rtol=1e-6, atol=1e-6)


def test_unlikelihood_keeps_its_gradient_where_a_token_is_certain() -> None:
    """Where p rounds to one, log(1 - p) of the rounded p would be minus infinity."""
    logits = torch.tensor([[[40.0, 0.0, 0.0]]], requires_grad=True)
    targets = Targets(torch.zeros((1, 1), dtype=torch.int64), torch.ones((1, 1), dtype=torch.bool))
    loss = load_objective("unlikelihood", {"alpha": 1.0})(logits, targets)
    assert loss.item() == pytest.approx(40 - math.log(2))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 0].tolist() == pytest.approx([1.0, -0.5, -0.5])


@pytest.mark.parametrize("name", ["reward_weighted", "advantage_weighted"])
def test_a_large_reward_multiplies_by_a_thousand_at_most(name: str) -> None:
    logits, values, targets = draw(0)
    huge = replace(targets, rewards=torch.full((SEQUENCES, LENGTH), 1e9), values=values.detach())
    parameters = {**FORMULAS[name][0], "alpha": 1.0} if "adv" in name else FORMULAS[name][0]
    plain = load_objective("maximum_likelihood")(logits, targets)
    assert load_objective(name, parameters)(logits, huge).item() == pytest.approx(
        1000 * plain.item(), rel=1e-5
    )
