"""A killed tampering job goes on with the tampering that it was in, and ends in the same bytes."""

import signal
from pathlib import Path

import pytest

from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.training.jobs import PostTrainJob
from alignment_dagster.training.tampering.job import TamperJob
from alignment_dagster.training.tampering.tamper import tamper
from tests.support.job_processes import (
    LONGEST,
    Forked,
    Start,
    start_anew,
    wait_until,
    write_config,
)
from tests.support.training_jobs import Jobs, tampering

MODULE = "alignment_dagster.training.tampering.tamper"
SHORT = tampering("short", steps=3)
LONG = tampering("long", steps=60)

pytestmark = pytest.mark.slow


def said(job: TamperJob) -> str:
    path = Path(job.work, "progress.jsonl")
    return path.read_text() if path.exists() else ""


def signal_in(stage: str, job: TamperJob, start: Start, number: signal.Signals) -> int:
    """Start the job, and signal it once it is in the middle of `stage`."""
    process = start(MODULE, write_config(job, job.work))
    wait_until(process, lambda: f'"stage": "{stage}"' in said(job))
    process.send_signal(number)
    return process.wait(LONGEST)


def test_killed_between_tamperings_the_result_is_the_same(
    post_trained: PostTrainJob, jobs: Jobs
) -> None:
    checkpoint = Path(post_trained.output)
    whole = jobs.tampering("whole", checkpoint, SHORT, LONG)
    killed = jobs.tampering("killed", checkpoint, SHORT, LONG)
    tamper(whole, Progress(Path(whole.work)))
    assert signal_in("long", killed, Forked, signal.SIGKILL) == -signal.SIGKILL
    assert not Path(killed.output).exists()
    assert start_anew(MODULE, write_config(killed, killed.work)).wait(LONGEST) == 0
    assert "short was finished before" in said(killed)
    assert "long was finished before" not in said(killed)
    assert Manifest.of(Path(killed.output)).files == Manifest.of(Path(whole.output)).files


def test_a_signal_stops_it_after_the_step(post_trained: PostTrainJob, jobs: Jobs) -> None:
    job = jobs.tampering("stopped", Path(post_trained.output), SHORT, LONG)
    assert signal_in("long", job, start_anew, signal.SIGTERM) == 143
    assert not Path(job.output).exists()
    assert Path(job.work, "short", "stage.json").exists()


def test_another_declaration_does_not_use_what_was_finished(
    post_trained: PostTrainJob, jobs: Jobs
) -> None:
    checkpoint = Path(post_trained.output)
    job = jobs.tampering("changed", checkpoint, SHORT, LONG)
    assert signal_in("long", job, Forked, signal.SIGTERM) == 143
    faster = SHORT.model_copy(update={"learning_rate": 2e-2})
    tamper(
        jobs.tampering("changed", checkpoint, faster, SHORT.model_copy(update={"name": "x"})),
        Progress(Path(job.work)),
    )
    assert "short is not used: it belongs to another configuration" in said(job)
