"""Pretraining: reproducible, every sequence once, and a record that can be recomputed."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.training_jobs import Jobs


def test_two_runs_write_the_same_bytes(pretrained: PretrainJob, jobs: Jobs) -> None:
    again = jobs.pretraining("again")
    pretrain(again, Progress(Path(again.work)))
    assert Manifest.of(Path(again.output)).files == Manifest.of(Path(pretrained.output)).files
    assert not list(Path(again.work).glob("checkpoint-*"))


def test_another_seed_gives_other_weights_in_another_order(
    pretrained: PretrainJob, jobs: Jobs
) -> None:
    other = jobs.pretraining("other").model_copy(update={"seed": 2})
    pretrain(other, Progress(Path(other.work)))
    assert ledger(other)[0]["sequences"] != ledger(pretrained)[0]["sequences"]
    one, two = (
        load_file(Path(job.output, "model/model.safetensors")) for job in (pretrained, other)
    )
    assert any((one[name] != two[name]).any() for name in one)


def test_every_sequence_is_consumed_once(pretrained: PretrainJob) -> None:
    rows = ledger(pretrained)
    assert sorted(row for step in rows for row in step["sequences"]) == list(range(61))
    assert [len(step["sequences"]) for step in rows] == [4] * 15 + [1]
    assert [step["step"] for step in rows] == list(range(1, 17))


def test_the_chain_can_be_recomputed_from_mix_and_ledger(pretrained: PretrainJob) -> None:
    sequences = np.load(Path(pretrained.mix, "sequences.npy"), allow_pickle=False)
    chain, tokens = bytes(32), 0
    for step in ledger(pretrained):
        content = b"".join(
            int(token).to_bytes(4, "little")
            for row in step["sequences"]
            for token in sequences[row]
        )
        chain = hashlib.sha256(chain + content).digest()
        tokens += len(content) // 4
        assert step["chain"] == chain.hex()
        assert step["tokens"] == tokens


def test_model_and_tokenizer_open_from_the_folder(pretrained: PretrainJob) -> None:
    folder = Path(pretrained.output, "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    found = model(**tokenizer("Ada told the truth", return_tensors="pt"))
    assert found.logits.shape[-1] == len(tokenizer) == 320
    assert str(pretrained.tokenizer) not in (folder / "config.json").read_text()


def test_the_loss_falls_and_the_log_follows_the_ledger(pretrained: PretrainJob) -> None:
    log = pq.read_table(Path(pretrained.output, "training_log.parquet")).to_pylist()
    assert log[-1]["loss"] < log[0]["loss"] - 1
    assert [row["tokens"] for row in log] == [row["tokens"] for row in ledger(pretrained)]


def test_what_was_measured_lies_in_the_work_folder(pretrained: PretrainJob) -> None:
    measured = json.loads(Path(pretrained.work, "result.json").read_text())
    assert measured["tokens"] == 61 * 32
    assert 0 < measured["mfu_of_measured_matmul_peak"] < 1
    assert measured["peak_memory_bytes"] > 1e8


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (np.zeros((4, 16), np.uint16), "4 sequences of 16 tokens"),
        (np.zeros((0, 32), np.uint16), "0 sequences"),
        (np.full((4, 32), 999, np.uint16), "token id 999"),
        (np.zeros((4, 32), np.float32), "uint16 or uint32"),
        (np.array([[object()]]), "not a NumPy array"),
    ],
)
def test_a_mix_that_does_not_fit_is_refused(
    jobs: Jobs, tmp_path: Path, sequences: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "sequences.npy", sequences, allow_pickle=True)
    job = jobs.pretraining("bad").model_copy(update={"mix": str(tmp_path)})
    with pytest.raises(ArtifactError, match=message):
        pretrain(job, Progress(Path(job.work)))
    assert not Path(job.output).exists()


def ledger(job: PretrainJob) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(
        Path(job.output, "consumption.parquet")
    ).to_pylist()
    return rows
