"""A job that another machine runs: both ends prove that they see the same folders, and outlive
each other for `PATIENCE_SECONDS` at most.

Who starts the job writes `LAUNCH` into its work folder, again and again; the job writes `ANSWER`
once, and begins when it reads that this was seen.
"""

import json
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job_process import GRACE_SECONDS

LAUNCH, ANSWER = "launch.json", "launched.json"
BEAT_SECONDS = 5.0
SIGHT_SECONDS = 60.0
"""A network file system may show a new file so much later."""
PATIENCE_SECONDS = 120.0
SHARED = "the home has to be on a file system that every machine sees under the same path"


@dataclass(frozen=True)
class Launch:
    """What who starts a job says in its work folder."""

    token: str
    folders: Sequence[str]
    """What the job has to see, too."""
    beat: int = 0
    """Grows as long as whoever started the job is there."""
    answered: bool = False
    patience: float = PATIENCE_SECONDS

    def write(self, work: Path) -> None:
        """Put it in the place of what was said before."""
        with atomic_file(work / LAUNCH) as aside:
            aside.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_launch(work: Path) -> Launch | None:
    """What is said there; None where nothing is."""
    with suppress(OSError, ValueError, TypeError):
        return Launch(**json.loads((work / LAUNCH).read_text(encoding="utf-8")))
    return None


@contextmanager
def launched(work: Path, folders: Sequence[Path]) -> Iterator[str]:
    """While inside, tell the job that it is waited for; a work folder has one such job at a time.

    Yields:
        A token that names the job.
    """
    token = secrets.token_hex(6)
    launch = Launch(token, [str(folder) for folder in folders], patience=PATIENCE_SECONDS)
    launch.write(work)
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=(work, launch, ended), daemon=True)
    beats.start()
    try:
        yield token
    finally:
        ended.set()
        beats.join()
        for name in (LAUNCH, ANSWER):
            (work / name).unlink(missing_ok=True)


def _beat(work: Path, launch: Launch, ended: threading.Event) -> None:
    answer = work / ANSWER
    while not ended.wait(BEAT_SECONDS if launch.answered else BEAT_SECONDS / 10):
        with suppress(OSError):
            seen = answer.exists() and launch.token in answer.read_text(encoding="utf-8")
            if seen != launch.answered or launch.answered:
                launch = replace(launch, beat=launch.beat + 1, answered=seen)
                launch.write(work)


def answer(work: Path, token: str) -> None:
    """On the other machine: prove it to whoever started this job, and hear the answer.

    From then on this process is ended when it is waited for no more.

    Raises:
        AlignmentError: if one does not see what the other has written.
    """
    here = socket.gethostname()
    launch = _wait(work, token, answered=False)
    if launch is None:
        raise AlignmentError(f"{here} does not see {work}: {SHARED}")
    for folder in launch.folders:
        if not Path(folder).is_dir():
            raise AlignmentError(f"{here} does not see {folder}: {SHARED}")
    (work / ANSWER).write_text(json.dumps({"token": token, "host": here}), encoding="utf-8")
    if _wait(work, token, answered=True) is None:
        raise AlignmentError(f"what {here} writes into {work} is not seen elsewhere: {SHARED}")
    threading.Thread(target=_end_when_alone, args=(work, launch), daemon=True).start()


def _wait(work: Path, token: str, *, answered: bool) -> Launch | None:
    deadline = time.monotonic() + SIGHT_SECONDS
    while time.monotonic() < deadline:
        launch = read_launch(work)
        if launch is not None and launch.token == token and launch.answered >= answered:
            return launch
        time.sleep(BEAT_SECONDS / 25)
    return None


def _end_when_alone(work: Path, launch: Launch) -> None:
    """Wait until nobody waits for this job, then stop it, and kill it at last."""
    beat, heard = -1, time.monotonic()
    while time.monotonic() - heard < launch.patience:
        time.sleep(min(BEAT_SECONDS, launch.patience / 4))
        said = read_launch(work)
        if said is not None and said.token != launch.token:
            break
        if said is not None and said.beat != beat:
            beat, heard = said.beat, time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
