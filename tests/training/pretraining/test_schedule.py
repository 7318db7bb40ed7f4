"""The learning rate rises, and then falls as declared."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch.nn import Parameter
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup,
    get_linear_schedule_with_warmup,
    get_wsd_schedule,
)

from alignment_dagster.study import Pretraining
from alignment_dagster.training.pretraining.schedule import learning_rate


def rates(steps: int, **values: object) -> list[float]:
    declared = Pretraining.model_validate({"batch_size": 1, "learning_rate": 2.0, **values})
    return [learning_rate(step, steps, declared) for step in range(1, steps + 1)]


def test_cosine_rises_in_a_line_and_ends_at_the_final_rate() -> None:
    found = rates(100, warmup_share=0.1, final_rate=0.1)
    assert found[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert found[9:] == sorted(found[9:], reverse=True)
    assert found[54] == pytest.approx(2.0 * 0.55)
    assert found[-1] == pytest.approx(0.2)


def test_wsd_stays_and_then_falls_in_a_line_to_nearly_zero() -> None:
    found = rates(100, schedule="wsd", warmup_share=0.1, decay_share=0.2)
    assert found[9:80] == [2.0] * 71
    falls = [before - after for before, after in pairwise(found[80:])]
    assert falls == pytest.approx([2.0 / 21] * 19)
    assert found[-1] == pytest.approx(2.0 / 21)


REFERENCES: dict[str, Callable[[Optimizer], LambdaLR]] = {
    "constant": lambda one: get_constant_schedule_with_warmup(one, 10),
    "linear": lambda one: get_linear_schedule_with_warmup(one, 10, 100),
    "cosine": lambda one: get_cosine_with_min_lr_schedule_with_warmup(one, 10, 100, min_lr_rate=0),
    "wsd": lambda one: get_wsd_schedule(one, 10, 21, num_stable_steps=70, decay_type="linear"),
}
"""Of 100 steps; what falls to zero one step after the last has one more to fall in."""


@pytest.mark.parametrize("schedule", REFERENCES)
def test_every_schedule_is_that_of_transformers(schedule: str) -> None:
    optimizer = SGD([Parameter(torch.zeros(1))], lr=2.0)
    reference = REFERENCES[schedule](optimizer)
    expected = []
    for _ in range(100):
        optimizer.step()
        reference.step()
        expected += reference.get_last_lr()
    found = rates(100, schedule=schedule, warmup_share=0.1, final_rate=0.0, decay_share=0.2)
    assert found == pytest.approx(expected, abs=1e-12)


def test_linear_falls_in_a_line_to_the_final_rate() -> None:
    found = rates(100, schedule="linear", warmup_share=0.1, final_rate=0.1)
    falls = [before - after for before, after in pairwise(found[9:])]
    assert falls == pytest.approx([1.8 / 90] * 90)
    assert found[-1] == pytest.approx(0.2)


def test_a_schedule_that_is_longer_than_its_training_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"schedule is longer .* they are 1.1 of its steps"):
        rates(10, schedule="wsd", warmup_share=0.6, decay_share=0.5)
    rates(10, schedule="cosine", warmup_share=0.6, decay_share=0.5)


@pytest.mark.parametrize("schedule", REFERENCES)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_no_step_of_a_short_run_is_wasted(schedule: str, steps: int) -> None:
    assert all(0 < rate <= 2.0 for rate in rates(steps, schedule=schedule))
    assert all(0 < rate <= 2.0 for rate in rates(steps, schedule=schedule, warmup_share=0))
