"""Who makes a study, who refers to its artifacts, and who removes some: not at the same time."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.locks import file_lock

LOCKS = ".locks"


@contextmanager
def shared_lock(lake: Path, study: str) -> Iterator[None]:
    """Until the end nothing is collected as garbage: for whoever is about to refer to artifacts.

    Waits while something is being collected.
    """
    with file_lock(_path(lake, study), shared=True):
        yield


@contextmanager
def exclusive_lock(lake: Path, study: str) -> Iterator[None]:
    """Nobody is about to refer to artifacts of the study until the end.

    Raises:
        ArtifactError: if somebody is.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(_path(lake, study), wait=False))
        except BlockingIOError:
            message = f"something of study {study!r} is being made or reviewed; wait for its end"
            raise ArtifactError(message) from None
        yield


@contextmanager
def run_lock(home: Home, study: str) -> Iterator[None]:
    """No other process runs the study, or collects its garbage, until the end.

    Raises:
        AlignmentError: names the process that does.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    path = home.root / f"{study}.lock"
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(file_lock(path, wait=False))
        except BlockingIOError:
            holder = path.read_text(encoding="utf-8").strip() or "another process"
            message = f"study {study!r} is being run by process {holder}; wait for its end"
            raise AlignmentError(message) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield


def _path(lake: Path, study: str) -> Path:
    path = lake / LOCKS / f"{study}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
