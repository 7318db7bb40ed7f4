"""Each event is told once on each channel, whoever notices it and however often."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from alignment_dagster.foundation.locks import file_lock

KEPT_SECONDS = 60 * 24 * 3600
"""How long it is remembered that something was told."""


def once(folder: Path, key: str, tell: Callable[[], None]) -> None:
    """Call `tell` unless it was called with this key before, or is being called elsewhere.

    A process that is killed while it tells has not told: the next one does. Where nothing can be
    remembered (a full or read-only disk) it is told all the same: that is worth knowing.
    """
    with ExitStack() as stack:
        try:
            _forget_old(folder)
            file = stack.enter_context(file_lock(folder / key, wait=False, mode=0o600))
        except BlockingIOError:
            return
        except OSError:
            tell()
            return
        if not os.read(file, 1):
            tell()
            with suppress(OSError):
                os.write(file, b"told\n")


def _forget_old(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
