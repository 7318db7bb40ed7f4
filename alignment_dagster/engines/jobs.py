"""Where a heavy job runs: a process of this machine, or what a launcher starts elsewhere.

It never decides what is made: whatever starts the job, the files are the same.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from alignment_dagster.engines import ray_train, slurm
from alignment_dagster.foundation import job_process
from alignment_dagster.foundation.launchers import Launcher, Ray


def run(
    command: job_process.Command,
    launcher: Launcher | None,
    folders: Sequence[Path],
    poll: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Run a job to its end; where this is interrupted, all of it is ended.

    Args:
        folders: what the job reads or writes beside its work folder.
        poll: called about twice a second; what it raises ends the job.
        say: is given what the launcher has to say, as that the job waits in a queue.

    Raises:
        AlignmentError: the job's own message, or how it ended and where its log is.
    """
    if launcher is None:
        job_process.run(command, poll)
    elif isinstance(launcher, Ray):
        ray_train.run(command, launcher, folders, poll)
    else:
        slurm.run(command, launcher, folders, poll, say)


def require_launcher(launcher: Launcher) -> None:
    """Whether it can start jobs.

    Raises:
        AlignmentError: if it is not installed here, or its cluster does not answer.
    """
    if isinstance(launcher, Ray):
        ray_train.require_ray()
    else:
        slurm.require_slurm()
