"""A killed pretraining job goes on where it was, and ends in the same bytes."""

import json
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from alignment_dagster.foundation import work_seals
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import RESUMED_FROM
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.job_processes import (
    LONGEST,
    Forked,
    Start,
    start_anew,
    step_saved,
    step_shown,
    wait_until,
    write_config,
)
from tests.support.training_jobs import LENGTH, Jobs

MODULE = "alignment_dagster.training.pretraining.pretrain"


def long_mix(jobs: Jobs, sequences: int) -> str:
    """So many steps that a process can be stopped in the middle of them."""
    folder = jobs.folder / "long"
    folder.mkdir()
    tokens = np.random.default_rng(0).integers(0, 320, (sequences, LENGTH)).astype(np.uint16)
    np.save(folder / "sequences.npy", tokens)
    return str(folder)


def signal_once(
    reached: Callable[[], bool], job: PretrainJob, start: Start, number: signal.Signals
) -> int:
    process = start(MODULE, write_config(job, job.work))
    wait_until(process, reached)
    process.send_signal(number)
    return process.wait(LONGEST)


def said(job: PretrainJob) -> str:
    return Path(job.work, "progress.jsonl").read_text()


def has_saved(job: PretrainJob, step: int) -> bool:
    return step_saved(job.work) >= step


@pytest.mark.slow
def test_killed_twice_the_result_is_the_same(jobs: Jobs) -> None:
    settings = {"batch_size": 4, "accumulation": 1, "checkpoint_every": 7}
    mix = {"mix": long_mix(jobs, 800)}
    whole = jobs.pretraining("whole", **settings).model_copy(update=mix)
    killed = jobs.pretraining("killed", **settings).model_copy(update=mix)
    pretrain(whole, Progress(Path(whole.work)))
    for step in (1, 50):
        reached = partial(has_saved, killed, step)
        assert signal_once(reached, killed, Forked, signal.SIGKILL) == -signal.SIGKILL
        assert not Path(killed.output).exists()
    assert start_anew(MODULE, write_config(killed, killed.work)).wait(LONGEST) == 0
    assert "resumed after step" in said(killed)
    assert Manifest.of(Path(killed.output)).files == Manifest.of(Path(whole.output)).files


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "start"), [(signal.SIGINT, 130, start_anew), (signal.SIGTERM, 143, Forked)]
)
def test_a_signal_stops_it_with_a_checkpoint(
    jobs: Jobs, number: signal.Signals, code: int, start: Start
) -> None:
    job = jobs.pretraining("stopped", batch_size=1, checkpoint_every=100_000)
    job = job.model_copy(update={"mix": long_mix(jobs, 60_000)})
    assert signal_once(lambda: step_shown(job.work) > 0, job, start, number) == code
    assert len(list(Path(job.work).glob("checkpoint-*"))) == 1


@pytest.fixture
def stopped(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> PretrainJob:
    """A job that ended with an error at step 8 of 16, with checkpoints every 3 steps."""
    job = jobs.pretraining("stopped")
    step = Loop.step

    def fail(loop: Loop) -> None:
        if loop.state.step == 7:
            raise RuntimeError("killed")
        step(loop)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "step", fail)
        with pytest.raises(RuntimeError):
            pretrain(job, Progress(Path(job.work)))
    return job


def test_only_the_newest_checkpoint_is_kept_and_resumed_from(
    stopped: PretrainJob, pretrained: PretrainJob
) -> None:
    assert [path.name for path in Path(stopped.work).glob("*checkpoint*")] == [
        "checkpoint-00000006"
    ]
    pretrain(stopped, Progress(Path(stopped.work)))
    assert "resumed after step 6 from state " in said(stopped)
    assert len(json.loads(Path(stopped.work, "result.json").read_text())[RESUMED_FROM]) == 64
    assert Manifest.of(Path(stopped.output)).files == Manifest.of(Path(pretrained.output)).files


def test_a_checkpoint_of_another_configuration_is_not_used(stopped: PretrainJob) -> None:
    other = stopped.model_copy(update={"seed": 5})
    pretrain(other, Progress(Path(other.work)))
    assert "belongs to another configuration" in said(other)
    assert json.loads(Path(other.work, "result.json").read_text())["resumed_after_step"] == 0


def test_a_planted_state_that_agrees_with_itself_is_not_resumed_from(
    stopped: PretrainJob, pretrained: PretrainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wrote it has no key; every digest in it holds."""
    monkeypatch.setattr(work_seals, "_told", ["another key"])
    pretrain(stopped, Progress(Path(stopped.work)))
    assert "no run of this home wrote it" in said(stopped)
    assert RESUMED_FROM not in json.loads(Path(stopped.work, "result.json").read_text())
    assert Manifest.of(Path(stopped.output)).files == Manifest.of(Path(pretrained.output)).files


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: flip(folder / checkpoint.TENSORS), "tensors.safetensors was altered"),
        (lambda folder: flip(folder / file_names.CONSUMPTION), "consumption.parquet was altered"),
        (lambda folder: (folder / file_names.TRAINING_LOG).unlink(), "it is incomplete"),
        (lambda folder: (folder / checkpoint.STATE).write_text("{"), "it is incomplete"),
    ],
)
def test_a_damaged_checkpoint_is_said_and_not_used(
    stopped: PretrainJob,
    pretrained: PretrainJob,
    damage: Callable[[Path], object],
    message: str,
) -> None:
    damage(Path(stopped.work, "checkpoint-00000006"))
    pretrain(stopped, Progress(Path(stopped.work)))
    assert message in said(stopped)
    assert Manifest.of(Path(stopped.output)).files == Manifest.of(Path(pretrained.output)).files
