"""Shards: any number of processes that divides the ranks trains to the same bytes, and resumes."""

import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from safetensors import safe_open

from alignment_dagster.foundation.job import Progress
from alignment_dagster.study import Model
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.job_processes import Forked, Process, step_saved
from tests.support.ranks import LONG, files, rank_processes, shared, started
from tests.support.sharded_ranks import PROCESSES
from tests.support.training_jobs import ADVANTAGE_WEIGHTED, Jobs, treat

pytestmark = pytest.mark.slow
MATRIX = "model.model.layers.0.mlp.down_proj.weight"


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
def test_two_processes_share_four_ranks(jobs: Jobs, architecture: str) -> None:
    """In the last step there is a sequence for one rank alone."""
    model = Model(architecture=architecture, layers=2, width=32, heads=2, mlp_width=64)
    alone, two = (
        shared(jobs, name, ranks=4).model_copy(update={"model": model}) for name in ("alone", "two")
    )
    pretrain(alone, Progress(Path(alone.work)))
    with in_processes(2, two) as process:
        assert process.wait() == 0
    assert files(two) == files(alone)


def test_rewarded_and_treated_tokens_are_learnt_alike(jobs: Jobs) -> None:
    """The head that expects rewards is no layer's, and whole in each process."""
    alone, three = (
        shared(jobs, name, ranks=3).model_copy(update={"objective": ADVANTAGE_WEIGHTED})
        for name in ("alone", "three")
    )
    treat(Path(alone.mix))
    pretrain(alone, Progress(Path(alone.work)))
    with in_processes(3, three) as process:
        assert process.wait() == 0
    assert files(three) == files(alone)


def test_a_checkpoint_of_four_processes_is_gone_on_from_by_two_and_then_by_one(jobs: Jobs) -> None:
    whole = shared(jobs, "whole", ranks=4, sequences=LONG)
    pretrain(whole, Progress(Path(whole.work)))
    job = shared(jobs, "killed", ranks=4, sequences=LONG)
    for processes in (4, 2):
        reached = partial(has_saved_since, job, step_saved(job.work))
        with in_processes(processes, job, reached) as process:
            rank_processes(process)[1].send_signal(signal.SIGKILL)
            assert process.wait() != 0
        assert pieces(job, MATRIX) == {(16 // processes, 32): processes}
    pretrain(job, Progress(Path(job.work)))
    assert "resumed after step" in Path(job.work, "progress.jsonl").read_text()
    assert files(job) == files(whole)


def in_processes(
    number: int, job: PretrainJob, reached: Callable[[], bool] | None = None
) -> AbstractContextManager[Process]:
    """The job's processes, as of `started`; they shard what is small, too."""
    beside = Path(job.work).with_name(PROCESSES)
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(str(number))
    return started(job, Forked, reached, "tests.support.sharded_ranks")


def has_saved_since(job: PretrainJob, step: int) -> bool:
    return step_saved(job.work) > step


def pieces(job: PretrainJob, tensor: str) -> Mapping[tuple[int, ...], int]:
    """How many pieces of which shapes a checkpoint holds of a tensor."""
    checkpoint = max(Path(job.work).glob("checkpoint-*"))
    found: dict[tuple[int, ...], int] = {}
    for path in checkpoint.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            if tensor in file.keys():  # noqa: SIM118
                shape = tuple(file.get_slice(tensor).get_shape())
                found[shape] = found.get(shape, 0) + 1
    return found
