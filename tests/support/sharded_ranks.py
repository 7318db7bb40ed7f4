"""A pretraining whose ranks are shared by as many processes as a file beside its work folder says,
and which is sharded however small.

`python -m tests.support.sharded_ranks CONFIG.json`
"""

import sys
from pathlib import Path

from alignment_dagster.foundation.job import read_job
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining import shards
from alignment_dagster.training.pretraining.rank_processes import train

PROCESSES = "processes"


def main(argv: list[str]) -> int:
    """Exit codes as of `foundation.job.run_job`."""
    job = read_job(PretrainJob, argv)
    assert job is not None
    shards.LARGE = 0
    return train(argv[0], job, int(Path(job.work).with_name(PROCESSES).read_text()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
