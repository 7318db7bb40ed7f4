"""Advisory locks: files that one process, or several that share them, hold at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(
    path: Path,
    *,
    shared: bool = False,
    wait: bool = True,
    mode: int = 0o644,
    follow_links: bool = True,
) -> Iterator[int]:
    """Hold the lock on a file, which is created where there is none, until the end.

    The system frees the lock of a process that is killed.

    Args:
        shared: whether others may hold it too, as long as they share it.
        wait: whether to wait until it is free.
        mode: permissions of a new file.
        follow_links: whether `path` may be a symbolic link.

    Yields:
        A descriptor that reads, and appends.

    Raises:
        BlockingIOError: if it is not free, and not to be waited for.
        OSError: if the file cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    handle = os.open(path, flags if follow_links else flags | os.O_NOFOLLOW, mode)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
        yield handle
    finally:
        os.close(handle)
