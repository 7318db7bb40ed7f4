"""Compiled gradients are those of the plain loop, however the logits are cut."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from transformers import GPT2Config, MistralConfig

from alignment_dagster.study import Model
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.objectives import load_objective
from alignment_dagster.training.pretraining import gradients
from alignment_dagster.training.pretraining.data import Batch, PackedMix
from alignment_dagster.training.pretraining.gradients import (
    CompiledGradients,
    Gradients,
    can_compile,
)
from alignment_dagster.training.pretraining.model import build_model
from alignment_dagster.training.pretraining.value_head import add_value_head

DECLARED = Model(layers=3, width=16, heads=2, mlp_width=32)
OBJECTIVE = load_objective("maximum_likelihood")


PARAMETERS = {
    "maximum_likelihood": {},
    "unlikelihood": {"alpha": 0.5},
    "reward_weighted": {"beta": 2.0},
    "advantage_weighted": {"alpha": 0.5, "beta": 2.0},
}


def make_batch(rows: int, name: str) -> Batch:
    """Random tokens; of all but plain likelihood each is treated somehow."""
    source = np.random.default_rng(rows)
    tokens = source.integers(0, 320, (rows, 32)).astype(np.uint16)
    shape = tokens.shape
    beside = {
        "treatments.npy": source.choice([0, 1, 4], shape).astype(np.uint8),
        "weights.npy": source.random(shape, np.float32),
        "rewards.npy": source.normal(size=shape).astype(np.float32),
    }
    plain = name == "maximum_likelihood"
    return PackedMix(tokens, {} if plain else beside).batch(np.arange(rows))


@pytest.mark.parametrize(
    ("name", "precision", "close"),
    [
        ("maximum_likelihood", "fp32", 1e-7),
        ("maximum_likelihood", "bf16", 2e-3),
        ("unlikelihood", "fp32", 1e-7),
        ("reward_weighted", "fp32", 1e-7),
        ("advantage_weighted", "fp32", 1e-7),
        ("advantage_weighted", "bf16", 2e-2),
    ],
)
def test_compiled_gradients_are_the_plain_ones(
    tokenizer: Path, monkeypatch: pytest.MonkeyPatch, name: str, precision: str, close: float
) -> None:
    """Also of the last batch, which is smaller than what was compiled for and is not compiled.

    One layer is compiled, and the loss: the other layers are served by the first one's.
    """
    monkeypatch.setattr(gradients, "LOGITS", 2 * 32 * 320)
    model = build_model(DECLARED, read_tokenizer(tokenizer), 32, seed=3)
    if name == "advantage_weighted":
        add_value_head(model)
    other = deepcopy(model)
    objective = load_objective(name, PARAMETERS[name])
    plain = Gradients(model, objective, precision)
    backend = CompileCounterWithBackend("aot_eager")
    compiled = CompiledGradients(other, objective, precision, (4, 32), backend)
    assert compiled.rows == 2
    for rows in (4, 3):
        batch = make_batch(rows, name)
        model.zero_grad()
        other.zero_grad()
        one, two = (each.add(batch, rows * 31) for each in (plain, compiled))
        # The loss is a sum of parts, which may round its last bit otherwise.
        torch.testing.assert_close(one, two, rtol=2e-7, atol=close)
        for left, right in zip(model.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(left.grad, right.grad, rtol=0, atol=close)
        assert backend.frame_count == 2


@pytest.mark.parametrize("fields", [{"key_value_heads": 1}, {"architecture": "gpt_neox"}])
def test_other_attention_is_computed_as_transformers_does(
    tokenizer: Path, fields: dict[str, object]
) -> None:
    declared = DECLARED.model_copy(update={"layers": 1, **fields})
    model = build_model(declared, read_tokenizer(tokenizer), 32, seed=3)
    other, batch = deepcopy(model), make_batch(2, "maximum_likelihood")
    Gradients(model, OBJECTIVE, "fp32").add(batch, 62)
    CompiledGradients(other, OBJECTIVE, "fp32", (2, 32), "eager").add(batch, 62)
    for left, right in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, rtol=0, atol=1e-7)


def test_what_sees_a_window_only_is_not_compiled() -> None:
    config = MistralConfig(sliding_window=16)
    assert can_compile(config, 16)
    assert not can_compile(config, 17)
    assert not can_compile(GPT2Config(), 16)


def test_what_was_compiled_is_saved_as_if_it_was_not(tokenizer: Path, tmp_path: Path) -> None:
    model = build_model(DECLARED, read_tokenizer(tokenizer), 32, seed=3)
    model.save_pretrained(tmp_path / "plain")
    CompiledGradients(model, OBJECTIVE, "bf16", (4, 32), backend="eager")
    model.save_pretrained(tmp_path / "compiled")
    for file in (tmp_path / "plain").iterdir():
        assert file.read_bytes() == (tmp_path / "compiled" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("rows", "length", "vocabulary", "at_once"),
    [(32, 1024, 32768, 8), (8, 2048, 32768, 4), (6, 2048, 32768, 3), (7, 2048, 32768, 1)],
)
def test_logits_are_held_of_so_many_sequences(
    rows: int, length: int, vocabulary: int, at_once: int
) -> None:
    assert gradients.rows_at_once(rows, length, vocabulary) == at_once
