"""Documents that are packed together are learned as if each stood alone."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.consumption import consumption_problem
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study import Model
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.objectives import load_objective
from alignment_dagster.training.objectives.maximum_likelihood import token_losses
from alignment_dagster.training.pretraining.data import Batch, PackedMix, read_mix
from alignment_dagster.training.pretraining.gradients import CompiledGradients, Gradients
from alignment_dagster.training.pretraining.model import build_model
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.tiny_mix import MIX, build, make_inputs
from tests.support.training_jobs import Jobs

LENGTH = MIX.sequence_length


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A mix that is packed by best fit, and its tokenizer."""
    folder = tmp_path_factory.mktemp("packed")
    mix = MIX.model_copy(update={"packing": "best_fit"})
    given = make_inputs(folder / "in")
    return build(given, folder / "mix", mix=mix), given.tokenizer


@pytest.fixture
def packed(jobs: Jobs, made: tuple[Path, Path]) -> Callable[[str], PretrainJob]:
    """Makes jobs that train on it."""
    own = replace(jobs, mix=made[0], tokenizer=made[1])
    return lambda name: own.pretraining(name, keep_every=5).model_copy(
        update={"sequence_length": LENGTH}
    )


def losses(model: Any, batch: Batch) -> torch.Tensor:
    """-log p of each token, at its own place [sequences, length]; 0 where nothing predicts it."""
    with torch.inference_mode():
        logits = model(**batch.inputs(), use_cache=False).logits
        following = token_losses(logits, batch.targets.tokens)
    return torch.cat([following.new_zeros(len(following), 1), following[:, :-1]], dim=1)


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox", "gpt2"])
def test_the_loss_of_a_document_is_the_same_with_and_without_packing(
    made: tuple[Path, Path], architecture: str
) -> None:
    """Alone, it follows the token that closes documents, or, first in a sequence, nothing."""
    folder, tokenizer = made
    declared = Model(layers=2, width=16, heads=2, mlp_width=32, architecture=architecture)
    model = build_model(declared, read_tokenizer(tokenizer), LENGTH + 1, seed=3).eval()
    mix = read_mix(folder, LENGTH, model.config.vocab_size)
    together = losses(model, mix.batch(np.arange(len(mix.tokens))))
    after = 0
    for row in pq.read_table(folder / "spans.parquet").to_pylist():
        tokens = mix.tokens[row["sequence"], row["start"] : row["end"]]
        before = mix.tokens[row["sequence"], max(0, row["start"] - 1) : row["start"]]
        follows = row["document_start"] == 0 and before.tolist() == [model.config.eos_token_id]
        after += follows
        whole = np.concatenate([before, tokens]) if follows else tokens
        alone = losses(model, PackedMix(whole[None]).batch(np.arange(1)))[0]
        found = together[row["sequence"], row["start"] : row["end"]]
        torch.testing.assert_close(found, alone[-len(tokens) :], rtol=0, atol=1e-5)
    assert after > 50


def test_compiled_gradients_are_the_plain_ones(made: tuple[Path, Path]) -> None:
    declared = Model(layers=2, width=16, heads=2, mlp_width=32)
    model = build_model(declared, read_tokenizer(made[1]), LENGTH, seed=3)
    other, mix = deepcopy(model), read_mix(made[0], LENGTH, model.config.vocab_size)
    objective = load_objective("maximum_likelihood")
    compiled = CompiledGradients(other, objective, "fp32", (4, LENGTH), "aot_eager")
    batch = mix.batch(np.arange(4))
    Gradients(model, objective, "fp32").add(batch, batch.predicted)
    compiled.add(batch, batch.predicted)
    for left, right in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, rtol=0, atol=1e-7)


def test_the_ledger_covers_where_documents_begin(packed: Callable[[str], PretrainJob]) -> None:
    first, second = packed("first"), packed("second")
    for job in (first, second):
        pretrain(job, Progress(Path(job.work)))
    assert Manifest.of(Path(first.output)).files == Manifest.of(Path(second.output)).files
    ledger, mix = Path(first.output, "consumption.parquet"), Path(first.mix)
    assert consumption_problem(ledger, mix) is None
    altered = Path(first.work, "altered")
    altered.mkdir(parents=True)
    for name in ("sequences.npy", "boundaries.npy"):
        np.save(altered / name, np.load(mix / name))
    boundaries = np.load(mix / "boundaries.npy")
    boundaries[0, 3] ^= 1
    np.save(altered / "boundaries.npy", boundaries)
    assert consumption_problem(ledger, altered) == (
        "the ledger departs from the mix at step "
        f"{next(row['step'] for row in pq.read_table(ledger).to_pylist() if 0 in row['sequences'])}"
    )
    np.save(altered / "boundaries.npy", boundaries[:1])
    with pytest.raises(ArtifactError, match=r"does not fit sequences\.npy"):
        read_mix(altered, LENGTH, 500)
