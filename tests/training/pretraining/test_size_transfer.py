"""A learning rate that was tuned for one size moves models of every size as far."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study import Model, Pretraining
from alignment_dagster.training.architectures import SCALED
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.model import build_model
from alignment_dagster.training.pretraining.pretrain import pretrain
from alignment_dagster.training.pretraining.size_transfer import clip_gradients, find_scale
from tests.support.killed_training import stop_before
from tests.support.tiny_study import STUDY, TinyStudy
from tests.support.training_jobs import Jobs

SMALL = {"width": 32, "layers": 2}
STEPS = 5
Tokens = NDArray[np.uint16]


@pytest.fixture
def tokens() -> Tokens:
    """Sequences with something to learn: each token is a little more than the one before."""
    steps = np.random.default_rng(0).integers(0, 3, (64, 32))
    return (np.cumsum(steps, 1) % 250 + 5).astype(np.uint16)


def declare(width: int, layers: int, architecture: str, *, tuned: bool) -> Model:
    size = {"layers": layers, "width": width, "heads": width // 16, "mlp_width": 2 * width}
    own = {"tuned_at": SMALL} if tuned else {}
    return Model.model_validate({**size, "architecture": architecture, **own})


def start(declared: Model, tokenizer: Path, tokens: Tokens) -> Loop:
    model = build_model(declared, read_tokenizer(tokenizer), 32, seed=1)
    pretraining = Pretraining(
        batch_size=8, learning_rate=0.01, schedule="constant", warmup_share=0.0
    )
    return Loop(model, PackedMix(tokens), pretraining, seed=0, size=declared)


def moved(declared: Model, tokenizer: Path, tokens: Tokens) -> tuple[float, float]:
    """How far some steps move the logits and the last block's output: root mean squares."""
    loop = start(declared, tokenizer, tokens)
    asked = torch.tensor(tokens[:4].astype(np.int64))
    before = copy.deepcopy(loop.model)
    for _ in range(STEPS):
        loop.step()
    with torch.no_grad():
        old, new = (one(asked, output_hidden_states=True) for one in (before, loop.model))
    pairs = ((old.logits, new.logits), (old.hidden_states[-2], new.hidden_states[-2]))
    logits, hidden = (float((b - a).pow(2).mean().sqrt()) for a, b in pairs)
    return logits, hidden


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt_neox"])
def test_the_same_rate_moves_a_larger_model_as_far(
    tokenizer: Path, tokens: Tokens, architecture: str
) -> None:
    """The coordinate check of Yang et al. (arXiv 2203.03466), section D.1."""
    small = moved(declare(32, 2, architecture, tuned=True), tokenizer, tokens)
    for width, layers in ((256, 2), (32, 8)):
        tuned = moved(declare(width, layers, architecture, tuned=True), tokenizer, tokens)
        plain = moved(declare(width, layers, architecture, tuned=False), tokenizer, tokens)
        for one, other in zip(tuned, small, strict=True):
            assert 0.4 < one / other < 2.5, (architecture, width, layers)
        assert plain[1] / small[1] > 3, (architecture, width, layers)


@pytest.mark.parametrize("architecture", SCALED)
def test_at_the_size_that_was_tuned_nothing_changes(
    tokenizer: Path, tokens: Tokens, architecture: str
) -> None:
    loops = [start(declare(32, 2, architecture, tuned=one), tokenizer, tokens) for one in (0, 1)]
    for loop in loops:
        loop.step()
    plain, tuned = (loop.model.state_dict() for loop in loops)
    assert all(torch.equal(plain[name], tuned[name]) for name in plain)


@pytest.mark.parametrize("architecture", SCALED)
def test_every_kind_of_weight_has_its_scale(
    tokenizer: Path, tokens: Tokens, architecture: str
) -> None:
    """Table 1 of CompleteP, with twice the width and four times the layers."""
    declared = declare(64, 8, architecture, tuned=True)
    loop = start(declared, tokenizer, tokens)
    rates = {
        id(parameter): group["rate_scale"]
        for group in loop.state.optimizer.param_groups
        for parameter in group["params"]
    }
    found: dict[float, set[str]] = {}
    for name, parameter in loop.model.named_parameters():
        kind = ".".join(part for part in name.split(".") if not part.isdigit())
        found.setdefault(rates[id(parameter)], set()).add(kind)
    embeddings = loop.model.get_input_embeddings().weight
    assert rates[id(embeddings)] == 1.0
    assert len(found[1 / 8]) == 2, "what attention and feed-forward give to the residual stream"
    assert all("dense" in one or "o_proj" in one or "down_proj" in one for one in found[1 / 8])
    last = {one for one in found[1 / 2] if "norm" in one and "layers" not in one}
    assert last
    assert {one.rpartition(".")[0] for one in last} == {next(iter(last)).rpartition(".")[0]}
    decays = {
        group["rate_scale"]: group["weight_decay"]
        for group in loop.state.optimizer.param_groups
        if group["weight_decay"]
    }
    assert all(rate * decay == pytest.approx(0.1) for rate, decay in decays.items())


class Times(nn.Module):
    """A weight that counts a factor times, as the source has it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.factor

    def right_inverse(self, folded: Tensor) -> Tensor:
        return folded / self.factor


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
def test_gradients_are_clipped_as_those_of_weights_that_no_factor_was_put_into(
    tokenizer: Path, tokens: Tokens, architecture: str
) -> None:
    """The same model with factors beside its weights has the same norm, and is clipped alike."""
    declared = declare(64, 8, architecture, tuned=True)
    loop = start(declared, tokenizer, tokens)
    apart = copy.deepcopy(loop.model)
    for name, parameter in loop.model.named_parameters():
        folded = find_scale(name, parameter.dim(), declared).folded
        if folded != 1:
            module, _, own = name.rpartition(".")
            parametrize.register_parametrization(apart.get_submodule(module), own, Times(folded))
    asked = torch.tensor(tokens[:8].astype(np.int64))
    for model in (loop.model, apart):
        model(asked, labels=asked).loss.backward()
    whole = float(nn.utils.get_total_norm([one.grad for one in loop.model.parameters()]))
    most = 0.01
    norm = float(clip_gradients(loop.model, declared, most))
    assert norm == pytest.approx(
        float(nn.utils.clip_grad_norm_(apart.parameters(), most)), rel=1e-4
    )
    assert not 0.9 < whole / norm < 1.1
    found = {
        name.replace(".parametrizations", "").removesuffix(".original"): parameter.grad
        for name, parameter in apart.named_parameters()
    }
    for name, parameter in loop.model.named_parameters():
        folded = find_scale(name, parameter.dim(), declared).folded
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad * folded, found[name], rtol=1e-3, atol=1e-8), name


def test_a_killed_training_of_a_scaled_model_ends_in_the_same_bytes(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = {"tuned_at": {"width": 8, "layers": 1}}
    whole, killed = (
        job.model_copy(update={"model": Model.model_validate({**job.model.model_dump(), **size})})
        for job in (jobs.pretraining("whole"), jobs.pretraining("killed"))
        if job.model is not None
    )
    pretrain(whole, Progress(Path(whole.work)))
    stop_before(killed, 8, monkeypatch)
    pretrain(killed, Progress(Path(killed.work)))
    assert Manifest.of(Path(killed.output)).files == Manifest.of(Path(whole.output)).files


@pytest.mark.parametrize("architecture", ["olmo", "olmo2", "gpt2"])
def test_an_architecture_whose_scales_are_not_known_is_refused(
    tiny: TinyStudy, architecture: str
) -> None:
    own = {"architecture": architecture, "tuned_at": SMALL}
    tiny.change(model={**STUDY["model"], **own})
    with pytest.raises(
        DeclarationError, match=r"tiny.yaml:\d+: model.tuned_at: how .* is not known"
    ):
        tiny.load()
