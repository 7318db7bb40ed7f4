"""One optimizer step: accumulation, weight decay, and a loss that is not finite."""

from pathlib import Path

import numpy as np
import pytest
import torch

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.study import Model, Pretraining
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop, optimizer
from alignment_dagster.training.pretraining.model import (
    build_model,
    flops_per_token,
    parameter_count,
)

DECLARED = Model(layers=2, width=16, heads=2, mlp_width=32)


def loop(tokenizer: Path, sequences: int = 5, **values: object) -> Loop:
    pretraining = {"batch_size": 5, "learning_rate": 1e-2, "warmup_share": 0.0, **values}
    tokens = np.random.default_rng(0).integers(0, 300, (sequences, 32)).astype(np.uint16)
    model = build_model(DECLARED, read_tokenizer(tokenizer), 32, seed=3)
    return Loop(model, PackedMix(tokens), Pretraining.model_validate(pretraining), seed=0)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_accumulation_gives_the_update_of_one_large_batch(tokenizer: Path, batch_size: int) -> None:
    """Also where the last part of the step is smaller: 5 = 2 + 2 + 1."""
    whole, parts = loop(tokenizer), loop(tokenizer, batch_size=batch_size, accumulation=5)
    whole.step()
    parts.step()
    assert whole.state.log[0]["loss"] == pytest.approx(parts.state.log[0]["loss"], rel=1e-6)
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert whole.state.ledger.chain == parts.state.ledger.chain


def test_the_gradient_is_clipped(tokenizer: Path) -> None:
    clipped = loop(tokenizer, gradient_clip=1e-3)
    clipped._accumulate(clipped.mix.batch(np.arange(5)))
    norm = torch.nn.utils.clip_grad_norm_(clipped.model.parameters(), 1e-3)
    assert norm > 0.1
    clipped.state.optimizer.zero_grad()
    clipped.step()
    assert clipped.state.log[0]["gradient_norm"] == pytest.approx(norm.item())


def test_bf16_trains_float32_weights(tokenizer: Path) -> None:
    half = loop(tokenizer, precision="bf16")
    half.step()
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    full = loop(tokenizer)
    full.step()
    assert half.state.log[0]["loss"] == pytest.approx(full.state.log[0]["loss"], rel=1e-2)
    assert half.state.log[0]["loss"] != full.state.log[0]["loss"]


def test_a_loss_that_is_not_finite_names_the_step(tokenizer: Path) -> None:
    broken = loop(tokenizer, sequences=15)
    broken.step()
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(AlignmentError, match="step 2 of 3"):
        broken.step()
    assert len(broken.state.ledger.rows) == 1


def test_only_matrices_decay(tokenizer: Path) -> None:
    model = build_model(DECLARED, read_tokenizer(tokenizer), 32, seed=3)
    declared = Pretraining(batch_size=1, learning_rate=1.0, weight_decay=0.5)
    matrices, others = optimizer(model, declared).param_groups
    assert matrices["weight_decay"] == 0.5
    assert others["weight_decay"] == 0
    assert all(parameter.dim() == 2 for parameter in matrices["params"])
    assert len(others["params"]) == 2 * DECLARED.layers + 1


def test_tied_weights_count_once(tokenizer: Path) -> None:
    model = build_model(DECLARED, read_tokenizer(tokenizer), 32, seed=3)
    layer = 4 * 16 * 16 + 3 * 16 * 32 + 2 * 16
    parameters = parameter_count(model)
    assert parameters == 320 * 16 + 2 * layer + 16
    assert flops_per_token(model.config, parameters, 32) == 6 * parameters + 12 * 2 * 16 * 32
