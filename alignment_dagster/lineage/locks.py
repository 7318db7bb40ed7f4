"""Who refers to a study's artifacts, and who removes some, do not do so at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alignment_dagster.foundation.errors import ArtifactError

LOCKS = ".locks"


@contextmanager
def using(lake: Path, study: str) -> Iterator[None]:
    """Until the end nothing is collected as garbage: whoever is about to refer to artifacts.

    Waits while something is being collected.
    """
    with _lock(lake, study, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(lake: Path, study: str) -> Iterator[None]:
    """Nobody is about to refer to artifacts of the study until the end.

    Raises:
        ArtifactError: if somebody is.
    """
    try:
        with _lock(lake, study, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError:
        message = f"something of study {study!r} is being made or reviewed; wait for its end"
        raise ArtifactError(message) from None


@contextmanager
def _lock(lake: Path, study: str, kind: int) -> Iterator[None]:
    path = lake / LOCKS / f"{study}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, kind)
        yield
