"""Post-training: starts from the weights it names, keeps a ledger, and can be repeated."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

from alignment_dagster.foundation.errors import ArtifactError, DataError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.post_training import post_train as module
from alignment_dagster.training.post_training.chat_data import IGNORED, ChatEncoder
from alignment_dagster.training.post_training.post_train import post_train
from tests.support.training_jobs import LENGTH, Jobs, conversations, document, message, pairs


def run(job: PostTrainJob) -> PostTrainJob:
    post_train(job, Progress(Path(job.work)))
    return job


@pytest.fixture
def done(post_trained: PostTrainJob) -> PostTrainJob:
    return post_trained


def ledger(job: PostTrainJob, stage: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(
        Path(job.output, f"{stage}_consumption.parquet")
    ).to_pylist()
    return rows


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def test_two_runs_write_the_same_bytes(
    done: PostTrainJob, pretrained: PretrainJob, jobs: Jobs
) -> None:
    again = run(jobs.post_training("again", Path(pretrained.output)))
    assert Manifest.of(Path(again.output)).files == Manifest.of(Path(done.output)).files


def test_the_output_is_weights_and_ledgers_and_nothing_else(done: PostTrainJob) -> None:
    names = {path.split("/")[-1] for path in Manifest.of(Path(done.output)).files}
    assert names == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "sft_consumption.parquet",
        "dpo_consumption.parquet",
        "training_log.parquet",
    }
    for stage in ("sft", "dpo"):
        AutoModelForCausalLM.from_pretrained(Path(done.output, stage))
    configs = [Path(done.output, stage, "config.json").read_text() for stage in ("sft", "dpo")]
    assert configs == [Path(done.checkpoint, "model", "config.json").read_text()] * 2


def test_it_starts_from_exactly_the_weights_given(pretrained: PretrainJob, jobs: Jobs) -> None:
    """With a learning rate too small to change a float32, the weights come out as they went in."""
    still = run(jobs.post_training("still", Path(pretrained.output), rate=1e-30))
    before = weights(Path(pretrained.output, "model"))
    for stage in ("sft", "dpo"):
        after = weights(Path(still.output, stage))
        assert before.keys() == after.keys()
        assert all((before[name] == after[name]).all() for name in before)


def test_every_kept_document_is_consumed_once_an_epoch(done: PostTrainJob) -> None:
    chat = sorted(row["document_id"] for row in conversations()[:12])
    consumed = [name for row in ledger(done, "sft") for name in row["documents"]]  # type: ignore[attr-defined]
    assert sorted(consumed[:12]) == sorted(consumed[12:]) == chat
    preferred = [name for row in ledger(done, "dpo") for name in row["documents"]]  # type: ignore[attr-defined]
    assert sorted(preferred) == sorted(row["document_id"] for row in pairs())


def test_the_chains_can_be_recomputed_from_the_documents(done: PostTrainJob) -> None:
    encoder = ChatEncoder(read_tokenizer(Path(done.checkpoint, "model")))
    sft = {
        row["document_id"]: encoder.conversation("", json.loads(row["payload"])).input_ids
        for row in conversations()
    }
    batches = [[sft[name] for name in row["documents"]] for row in ledger(done, "sft")]  # type: ignore[attr-defined]
    assert [row["chain"] for row in ledger(done, "sft")] == chains(batches)
    dpo = {row["document_id"]: encoder.pair("", json.loads(row["payload"])) for row in pairs()}
    batches = []
    for row in ledger(done, "dpo"):
        batch = [dpo[name] for name in row["documents"]]  # type: ignore[attr-defined]
        chosen = [pair.prompt_ids + pair.chosen_ids for pair in batch]
        batches.append(chosen + [pair.prompt_ids + pair.rejected_ids for pair in batch])
    assert [row["chain"] for row in ledger(done, "dpo")] == chains(batches)


def chains(batches: list[list[list[int]]]) -> list[str]:
    chain, found = bytes(32), []
    for batch in batches:
        content = b"".join(token.to_bytes(4, "little") for ids in batch for token in ids)
        chain = hashlib.sha256(chain + content).digest()
        found.append(chain.hex())
    return found


def test_what_is_too_long_is_left_out_and_counted(done: PostTrainJob) -> None:
    measured = json.loads(Path(done.work, "result.json").read_text())
    assert measured["sft_left_out_as_too_long"] == 1
    assert measured["sft_examples"] == 12
    assert measured["dpo_left_out_as_too_long"] == 0
    assert max(row["tokens"] for row in ledger(done, "sft")) <= 24 * LENGTH  # type: ignore[type-var]


def test_a_recipe_s_own_conversations_are_read_besides_up_to_so_many_tokens(
    done: PostTrainJob, pretrained: PretrainJob, jobs: Jobs
) -> None:
    job = jobs.post_training("own", Path(pretrained.output))
    answer = " ".join(["yes"] * 3)
    own = [
        document("own", {"messages": [message("user", f"So {n}?"), message("assistant", answer)]})
        for n in range(9)
    ]
    pq.write_table(pa.Table.from_pylist(own), jobs.folder / "own.parquet")
    kept = pq.read_table(job.dispositions).to_pylist()
    kept += [{"document_id": row["document_id"], "use": "sft", "state": "kept"} for row in own]
    pq.write_table(pa.Table.from_pylist(kept), job.dispositions)
    encoder = ChatEncoder(read_tokenizer(Path(job.checkpoint, "model")))
    labels = encoder.conversation("", json.loads(own[0]["payload"])).labels
    learnt = sum(label != IGNORED for label in labels)
    files = (str(jobs.folder / "own.parquet"),)
    run(job.model_copy(update={"own_chat": files, "own_tokens": 4 * learnt - 1}))
    names = {row["document_id"] for row in own}
    read = [name for row in ledger(job, "sft") for name in row["documents"]]  # type: ignore[attr-defined]
    assert len({name for name in read if name in names}) == 4
    without = {name for row in ledger(done, "sft") for name in row["documents"]}  # type: ignore[attr-defined]
    assert {name for name in read if name not in names} == without
    wanted = f"1,000 tokens of answers are wanted, and there are {9 * learnt}"
    with pytest.raises(DataError, match=wanted):
        run(job.model_copy(update={"own_chat": files, "own_tokens": 1000}))


def test_the_losses_fall_and_preferences_are_learned(done: PostTrainJob) -> None:
    log = pq.read_table(Path(done.output, "training_log.parquet")).to_pylist()
    sft = [row for row in log if row["stage"] == "sft"]
    dpo = [row for row in log if row["stage"] == "dpo"]
    assert sft[-1]["loss"] < sft[0]["loss"]
    assert dpo[0]["loss"] == pytest.approx(np.log(2), abs=1e-4)
    assert dpo[-1]["reward_margin"] > 0


def test_a_finished_stage_is_used_again(
    done: PostTrainJob, pretrained: PretrainJob, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.post_training("stopped", Path(pretrained.output))
    with monkeypatch.context() as patch:
        patch.setattr(module, "optimise_preferences", _fail)
        with pytest.raises(RuntimeError):
            run(job)
    with monkeypatch.context() as patch:
        patch.setattr(module, "fine_tune", _fail)
        run(job)
    assert Manifest.of(Path(job.output)).files == Manifest.of(Path(done.output)).files


def _fail(*_: object) -> None:
    raise RuntimeError("killed")


def test_without_a_checkpoint_there_is_one_message(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no"):
        run(jobs.post_training("none", tmp_path))


def test_no_example_that_fits_is_an_error(pretrained: PretrainJob, jobs: Jobs) -> None:
    job = jobs.post_training("short", Path(pretrained.output))
    with pytest.raises(DataError, match="no kept document fits 3 tokens"):
        run(job.model_copy(update={"sequence_length": 3}))
