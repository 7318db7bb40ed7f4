"""JSON lines that several processes append to: each line is there whole, or not at all.

A line is one write under the file's lock. What a power cut left of a line is no line: readers leave
it out, and the next who appends cuts it off.
"""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from alignment_dagster.foundation.locks import file_lock

TAIL = 1 << 16
"""Bytes in which the last line is looked for first; few are longer."""


def append(path: Path, lines: Iterable[str], *, private: bool = False) -> None:
    """Append lines, all or none of them, and bring them to the disk.

    Args:
        private: for a file that its owner alone reads, maybe while it grows: it is never a
            symbolic link, and what is left of a line is ended, not cut off.

    Raises:
        OSError: if they cannot be written; ENOSPC where there was room for some of it only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if private else 0o644
    with file_lock(path, mode=mode, follow_links=not private) as handle:
        size = os.fstat(handle).st_size
        if not private:
            last_line(handle)
        elif size and os.pread(handle, 1, size - 1) != b"\n":
            lines = ["", *lines]
        write(handle, lines)


def write(handle: int, lines: Iterable[str]) -> None:
    """Write lines to the end of a locked file, all or none of them, and bring them to the disk.

    Raises:
        OSError: if they cannot be written; ENOSPC where there was room for some of it only.
    """
    content = "".join(f"{line}\n" for line in lines).encode()
    written = os.write(handle, content)
    if written != len(content):
        os.ftruncate(handle, os.fstat(handle).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)


def last_line(handle: int) -> bytes | None:
    """The last line of a locked file, None where there is none; what is no whole line is cut."""
    size, reach = os.fstat(handle).st_size, TAIL
    while True:
        whole, _, rest = os.pread(handle, reach, max(0, size - reach)).rpartition(b"\n")
        if b"\n" in whole or reach >= size:
            break
        reach *= 2
    if rest:
        os.ftruncate(handle, size - len(rest))
    return whole.rpartition(b"\n")[2] if whole else None


def whole_lines(path: Path, position: int = 0) -> tuple[list[bytes], int]:
    """The lines after byte `position`, without one that is not finished; none without the file.

    Returns:
        The lines, and the position after them.
    """
    try:
        with path.open("rb") as handle:
            handle.seek(position)
            content = handle.read()
    except FileNotFoundError:
        return [], position
    whole, end, _ = content.rpartition(b"\n")
    return (whole.split(b"\n"), position + len(whole) + 1) if end else ([], position)
