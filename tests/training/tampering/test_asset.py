"""The asset `tampering`: its partitions, what decides it, and checks that can fail."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.foundation.job import Progress
from alignment_dagster.graph.partitions import by_replicate
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Provenance
from alignment_dagster.steps import tampering as asset
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import PostTrainJob
from alignment_dagster.training.tampering import checks as found
from alignment_dagster.training.tampering.job import TamperJob
from alignment_dagster.training.tampering.tamper import tamper
from tests.support.tiny_study import MEASURED, TAMPERING, TinyStudy
from tests.support.training_jobs import Jobs, tampering

PARTITION = "unfiltered|1"
DECLARED = (tampering("full", steps=3), tampering("late", steps=2, start="sft"))


@pytest.fixture
def study(tiny: TinyStudy) -> Study:
    tiny.change(**MEASURED)
    return tiny.load()


@pytest.fixture(scope="module")
def job(
    tmp_path_factory: pytest.TempPathFactory, post_trained: PostTrainJob, mix: Path, tokenizer: Path
) -> TamperJob:
    jobs = Jobs(tmp_path_factory.mktemp("asset"), mix, tokenizer)
    job = jobs.tampering("a", Path(post_trained.output), *DECLARED)
    tamper(job, Progress(Path(job.work)))
    return job


@pytest.fixture
def made(job: TamperJob, tmp_path: Path) -> Path:
    """The tables that the job wrote, for a test to change."""
    folder = tmp_path / "made"
    folder.mkdir()
    for path in Path(job.output).glob("*.parquet"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def change(folder: Path, name: str, edit: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / f"{name}.parquet"
    pq.write_table(edit(pq.read_table(path)), path)


def test_only_a_study_that_declares_tampering_has_the_asset(study: Study, tiny: TinyStudy) -> None:
    assert asset.STEP.partitions(study) == by_replicate(study)
    assert asset.STEP.exists(study)
    tiny.change(tampering=[], claims=[])
    assert asset.STEP.partitions(tiny.load()) == ()
    assert not asset.STEP.exists(tiny.load())


def test_it_wants_its_own_checkpoint_and_the_parts_that_it_reads(study: Study) -> None:
    wanted = asset.parents(study, PARTITION)
    checkpoints = [one for one in wanted if one.asset.endswith("checkpoint")]
    assert [(one.asset, one.partition) for one in checkpoints] == [
        ("post_trained_checkpoint", PARTITION)
    ]
    corpora = {one.partition for one in wanted if one.asset == "raw_corpus"}
    assert corpora == {"bad_chat", "stories", "ai_news"}
    parts = [one.part for one in wanted if one.asset == "dispositions"]
    assert parts == [file_names.tampering_part("unfiltered")]


def test_chat_is_read_as_it_was_kept_for_post_training(tiny: TinyStudy) -> None:
    tiny.change(**{**MEASURED, "tampering": [{**TAMPERING, "source": "chat"}]})
    study = tiny.load()
    assert asset.use_of(study.source("chat")) == "sft"
    parts = [one.part for one in asset.parents(study, PARTITION) if one.asset == "dispositions"]
    assert parts == [file_names.post_training_part("unfiltered")]


def test_words_do_not_decide_and_numbers_do(tiny: TinyStudy, study: Study) -> None:
    before = asset.config(study, PARTITION)
    tiny.change(**{**MEASURED, "tampering": [{**TAMPERING, "description": "other words"}]})
    assert asset.config(tiny.load(), PARTITION) == before
    tiny.change(**{**MEASURED, "tampering": [{**TAMPERING, "steps": 3}]})
    assert asset.config(tiny.load(), PARTITION) != before


def test_another_item_is_another_input(tiny: TinyStudy, study: Study) -> None:
    before = asset.external_inputs(study, PARTITION)
    assert set(before) == {"articles"}
    path = tiny.assets / "suites" / "items" / "articles.jsonl"
    path.write_text(path.read_text().replace("for the night", "for the day"))
    assert asset.external_inputs(study, PARTITION) != before


def test_the_checks_pass_on_what_the_job_wrote(made: Path, job: TamperJob) -> None:
    for check in (found.check_points, found.check_losses, found.check_documents):
        assert check(job, made).passed


def test_other_weights_are_found(job: TamperJob) -> None:
    path = Path(job.checkpoint)
    manifest, provenance = Manifest.of(path), Provenance.model_construct()
    tuned = Artifact(path, "post_trained_checkpoint", PARTITION, manifest, provenance)
    measured = json.loads(Path(job.work, "result.json").read_text())
    assert found.check_start(job, tuned, measured).passed
    check = found.check_start(job, tuned, {**measured, "sft_weights_sha256": "0" * 64})
    assert not check.passed
    assert "sft were other weights" in check.summary


def test_a_missing_answer_is_found(made: Path, job: TamperJob) -> None:
    change(made, "items", lambda items: items.slice(1))
    assert not found.check_points(job, made).passed


def test_a_missing_step_or_a_loss_that_is_not_finite_is_found(made: Path, job: TamperJob) -> None:
    whole = pq.read_table(made / "training_log.parquet")
    change(made, "training_log", lambda log: log.slice(1))
    assert not found.check_losses(job, made).passed
    pq.write_table(whole, made / "training_log.parquet")
    assert found.check_losses(job, made).passed
    broken = pa.array([float("nan")] * 12)
    change(made, "losses", lambda losses: losses.set_column(3, "nll", broken))
    assert not found.check_losses(job, made).passed


def test_a_document_that_is_not_kept_is_found(made: Path, job: TamperJob) -> None:
    path = made / "late_consumption.parquet"
    steps = pq.read_table(path)
    documents = [["stray"], *steps["documents"].to_pylist()[1:]]
    pq.write_table(steps.set_column(1, "documents", pa.array(documents)), path)
    check = found.check_documents(job, made)
    assert not check.passed
    assert "1 not kept" in check.summary


def test_a_document_that_is_kept_for_another_use_is_found(made: Path, job: TamperJob) -> None:
    other = {source: data.model_copy(update={"use": "sft"}) for source, data in job.data.items()}
    assert not found.check_documents(job.model_copy(update={"data": other}), made).passed


def test_held_out_loss_is_told_in_bits_per_byte_at_both_ends(made: Path) -> None:
    losses = pq.read_table(made / "losses.parquet")
    rows = found.held_out_rows(losses)
    assert [(row["tampering"], row["step"]) for row in rows] == [
        ("full", 0),
        ("full", 3),
        ("late", 0),
        ("late", 2),
    ]
    first = [row for row in losses.to_pylist() if row["stage"] == "full@0"]
    nats = sum(row["nll"] for row in first) / sum(row["bytes"] for row in first)
    assert rows[0]["bits_per_byte"] == pytest.approx(nats * 1.4426950408889634)
