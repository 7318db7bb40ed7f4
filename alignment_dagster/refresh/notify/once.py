"""Each event is told once on each channel, whoever notices it and however often."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

KEPT_SECONDS = 60 * 24 * 3600
"""How long it is remembered that something was told."""


def once(folder: Path, key: str, tell: Callable[[], None]) -> None:
    """Call `tell` unless it was called with this key before, or is being called elsewhere.

    A process that is killed while it tells has not told: the next one does. Where nothing can be
    remembered (a full or read-only disk) it is told all the same: that is worth knowing.
    """
    try:
        _forget_old(folder)
        descriptor = os.open(folder / key, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        tell()
        return
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not file.read():
            tell()
            _remember(file.fileno())


def _remember(descriptor: int) -> None:
    try:
        os.write(descriptor, b"told\n")
    except OSError:
        return


def _forget_old(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
