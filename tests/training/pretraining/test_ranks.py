"""Ranks share every step: the bytes are those of one process, and where one ends, all end."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from alignment_dagster.foundation.job import ERROR, OUT_OF_MEMORY, Progress
from alignment_dagster.study import Pretraining
from alignment_dagster.study.objectives import Objective
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.job_processes import (
    LONGEST,
    Forked,
    Start,
    start_anew,
    step_saved,
    step_shown,
)
from tests.support.ranks import LONG, files, rank_processes, shared, started
from tests.support.training_jobs import ADVANTAGE_WEIGHTED, LENGTH, Jobs, treat

pytestmark = pytest.mark.slow
ENDLESS = 60_000
"""Sequences of a mix whose end no test waits for: on a busy machine, too, it is stopped before."""


@pytest.mark.parametrize(
    ("ranks", "objective", "start"), [(2, None, start_anew), (3, ADVANTAGE_WEIGHTED, Forked)]
)
def test_processes_give_the_same_bytes_as_one_process(
    jobs: Jobs, ranks: int, objective: Objective | None, start: Start
) -> None:
    """Also where tokens are treated and rewarded."""
    alone, together = (
        shared(jobs, name, ranks).model_copy(update={"objective": objective})
        for name in ("alone", "together")
    )
    if objective is not None:
        treat(Path(alone.mix))
    pretrain(alone, Progress(Path(alone.work)))
    with started(together, start) as process:
        assert process.wait(LONGEST) == 0
    assert files(together) == files(alone)
    measured = json.loads(Path(together.work, "result.json").read_text())
    assert measured["tokens"] == 61 * LENGTH


def test_the_mean_over_ranks_is_that_of_one(jobs: Jobs) -> None:
    """Sums are rounded in another order, and there is no other difference."""
    losses = []
    for ranks in (1, 2):
        job = shared(jobs, f"ranks-{ranks}", ranks)
        pretrain(job, Progress(Path(job.work)))
        entries = Path(job.work, "progress.jsonl").read_text().splitlines()
        losses.append([json.loads(one)["values"]["loss"] for one in entries if "values" in one][-1])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_killed_rank_ends_the_others_and_the_next_try_goes_on(jobs: Jobs) -> None:
    whole = shared(jobs, "whole", sequences=LONG)
    pretrain(whole, Progress(Path(whole.work)))
    job = shared(jobs, "killed", sequences=LONG)
    with started(job, Forked, lambda: step_saved(job.work) > 0) as process:
        rank_processes(process)[1].send_signal(signal.SIGKILL)
        assert process.wait(LONGEST) == OUT_OF_MEMORY
    said = Path(job.work, ERROR).read_text()
    assert "rank 1 ended by SIGKILL" in said
    assert "memory does not suffice: then lower pretraining.batch_size from 2 to 1 and" in said
    assert not Path(job.output).exists()
    with started(job, Forked) as process:
        assert process.wait(LONGEST) == 0
    assert "resumed after step" in Path(job.work, "progress.jsonl").read_text()
    assert files(job) == files(whole)


@pytest.mark.parametrize(
    ("number", "whom", "start"),
    [(signal.SIGINT, "the group", start_anew), (signal.SIGTERM, "a rank", Forked)],
)
def test_a_signal_stops_all_ranks_with_a_checkpoint(
    jobs: Jobs, number: signal.Signals, whom: str, start: Start
) -> None:
    job = shared(jobs, "stopped", sequences=ENDLESS, every=ENDLESS)
    with started(job, start, lambda: step_shown(job.work) > 0) as process:
        if whom == "the group":
            os.killpg(process.pid, number)
        else:
            rank_processes(process)[1].send_signal(number)
        assert process.wait(LONGEST) == 128 + number
    assert len(list(Path(job.work).glob("checkpoint-*"))) == 1


@pytest.mark.parametrize("early", [True, False])
def test_ranks_do_not_outlive_who_started_them(jobs: Jobs, early: bool) -> None:
    """Not even those that have not met yet, and wait for each other."""
    job = shared(jobs, "orphaned", sequences=61 if early else ENDLESS)
    with started(job, Forked, None if early else lambda: step_shown(job.work) > 0) as process:
        ranks = rank_processes(process)
        if early:
            ranks[1].kill()
        process.kill()
        assert not psutil.wait_procs(ranks, timeout=20)[1]


def test_ranks_without_a_sequence_are_refused() -> None:
    with pytest.raises(ValidationError, match="ranks must not be more than batch_size times"):
        Pretraining(batch_size=1, learning_rate=0.1, ranks=2)
