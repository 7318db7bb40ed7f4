"""Pretrainings that several processes share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.training.jobs import PretrainJob
from tests.support.job_processes import LONGEST, Process, Start, wait_until, write_config
from tests.support.training_jobs import LENGTH, Jobs

RANK_PROCESSES = "alignment_dagster.training.pretraining.rank_processes"
LONG = 600
"""Sequences of a mix that is trained on to its end, and long enough to be killed in."""


def shared(
    jobs: Jobs, name: str, ranks: int = 2, sequences: int = 61, every: int = 7
) -> PretrainJob:
    """A job for ranks; in its last step there is one sequence, and so nothing for the others."""
    folder = jobs.folder / f"mix-{sequences}"
    folder.mkdir(exist_ok=True)
    tokens = np.random.default_rng(0).integers(0, 320, (sequences, LENGTH)).astype(np.uint16)
    np.save(folder / "sequences.npy", tokens)
    job = jobs.pretraining(name, batch_size=2, accumulation=3, ranks=ranks, checkpoint_every=every)
    return job.model_copy(update={"mix": str(folder)})


@contextmanager
def started(
    job: PretrainJob,
    start: Start,
    reached: Callable[[], bool] | None = None,
    module: str = RANK_PROCESSES,
) -> Iterator[Process]:
    """The processes of all ranks, once they have got so far; none of them is left."""
    process = start(module, write_config(job, job.work))
    family: set[psutil.Process] = set()
    try:
        if reached is not None:
            wait_until(process, reached)
            family = set(rank_processes(process))
        yield process
        process.wait(LONGEST)
        _, alive = psutil.wait_procs(family, timeout=15)
        assert not alive
    finally:
        for one in family:
            if one.is_running():
                one.kill()
        if process.poll() is None:
            process.kill()
            process.wait(LONGEST)


def rank_processes(process: Process) -> list[psutil.Process]:
    """As soon as they are there."""
    deadline = time.monotonic() + LONGEST
    while len(found := psutil.Process(process.pid).children()) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
    return sorted(found, key=lambda one: one.create_time())


def files(job: PretrainJob) -> dict[str, str]:
    """Digests of what it wrote."""
    return dict(Manifest.of(Path(job.output)).files)
