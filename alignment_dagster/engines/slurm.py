"""A job as a job of Slurm's: started by `srun`, ended by `scancel`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from alignment_dagster.engines.launch import launched, read_launch
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import ERROR, MEMORY, USER_ERROR
from alignment_dagster.foundation.job_process import GRACE_SECONDS, LOG, Command, failure
from alignment_dagster.foundation.jsonl import whole_lines
from alignment_dagster.foundation.launchers import Slurm

NAME = "alignment-"
MODULE = "alignment_dagster.engines.launched"
ASK_SECONDS = 30.0
END_SECONDS = 120.0
"""More than Slurm takes from SIGTERM to SIGKILL: its `KillWait`, which is 30 s by default."""
OWN_WORDS = b"srun: "


def run(
    command: Command,
    asked: Slurm,
    folders: Sequence[Path],
    poll: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """As `job_process.run`, on a node that Slurm chooses; it may wait in the queue.

    Args:
        folders: what the job reads or writes beside its work folder.
        say: is given Slurm's own words, as that the job is in the queue.

    Raises:
        AlignmentError: the job's own message, or how Slurm or the job ended it.
    """
    require_slurm()
    command.work.mkdir(parents=True, exist_ok=True)
    for name in (ERROR, MEMORY):
        (command.work / name).unlink(missing_ok=True)
    _end_earlier(command.work, poll)
    with launched(command.work, [command.work, *folders]) as token:
        name = f"{NAME}{token}"
        job = [sys.executable, "-m", MODULE, str(command.work), token]
        with (command.work / LOG).open("wb") as log:
            srun = subprocess.Popen(
                [
                    "srun",
                    f"--job-name={name}",
                    *asked.arguments(),
                    *job,
                    command.module,
                    str(command.config),
                ],
                env=_environment() | dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _follow(srun, command.work / LOG, poll, say)
        except BaseException:
            _end(srun, name)
            raise
        if srun.returncode != 0:
            raise _failure(command, srun.returncode, name)


def require_slurm() -> None:
    """Whether Slurm's commands are here, and its controller answers.

    Raises:
        AlignmentError: if not.
    """
    _ask("squeue", "--noheader", "--name", NAME)


def _follow(
    srun: "subprocess.Popen[bytes]",
    log: Path,
    poll: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    position = 0
    while srun.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            srun.wait(0.5)
        poll()
        lines, position = whole_lines(log, position)
        for line in lines:
            if line.startswith(OWN_WORDS):
                say(line.decode("utf-8", "replace"))


def _end(srun: "subprocess.Popen[bytes]", name: str) -> None:
    """SIGTERM, and SIGKILL for what is left after the grace time; what waits leaves the queue."""
    with suppress(AlignmentError):
        for signal in ((), ("--signal=KILL",)):
            _ask("scancel", *signal, "--name", name)
            if _is_gone(name, GRACE_SECONDS):
                break
    srun.kill()
    srun.wait()


def _end_earlier(work: Path, poll: Callable[[], None]) -> None:
    """End what is left of a job whose starter was killed: both would write the same files.

    Raises:
        AlignmentError: if it is still there after `END_SECONDS`.
    """
    if (earlier := read_launch(work)) is None:
        return
    name = f"{NAME}{earlier.token}"
    _ask("scancel", "--name", name)
    if not _is_gone(name, END_SECONDS, poll):
        raise AlignmentError(f"Slurm's job {name} does not end: see `squeue --name {name}`")


def _is_gone(name: str, seconds: float, poll: Callable[[], None] = lambda: None) -> bool:
    """Whether nothing of a job is left in so many seconds."""
    deadline = time.monotonic() + seconds
    while _ask("squeue", "--noheader", "--name", name):
        poll()
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _failure(command: Command, code: int, name: str) -> AlignmentError:
    log = command.work / LOG
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    own = [line for line in lines if not line.startswith((OWN_WORDS.decode(), "slurmstepd"))]
    if code == USER_ERROR and own and not (command.work / ERROR).exists():
        return AlignmentError(own[-1])
    state = ""
    with suppress(AlignmentError):
        _is_gone(name, END_SECONDS)
        state = _ask("squeue", "--noheader", "--states=all", "--format=%T", "--name", name)
    if not state and lines:  # there was no job
        said = lines[-1].removeprefix(OWN_WORDS.decode()).removeprefix("error: ")
        return AlignmentError(f"Slurm: {said}")
    hint = "" if state == "FAILED" else " (run again to go on)"
    return failure(command, code, f"ended with Slurm's state {state or 'unknown'}{hint}")


def _ask(*words: str) -> str:
    """What one of Slurm's commands says.

    Raises:
        AlignmentError: if it is not here, or does not answer.
    """
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=ASK_SECONDS, env=_environment()
        )
    except FileNotFoundError:
        raise AlignmentError(f"launcher slurm: there is no {words[0]!r} on this machine") from None
    except subprocess.TimeoutExpired:
        raise AlignmentError(f"launcher slurm: {words[0]} does not answer") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or f"{words[0]} failed").splitlines()[-1]
        raise AlignmentError(f"launcher slurm: {said}")
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    """Without what Slurm told this process, if it runs in a job of its own: a new one is asked."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "SLURM_CONF" or not name.startswith("SLURM_")
    }
