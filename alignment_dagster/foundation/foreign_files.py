"""Opening what others wrote: a regular file and nothing else, however it is named.

A pipe would be waited for and a device never ends; both look like files until they are opened.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NoRegularFile(OSError):
    """A pipe, a device or a folder in place of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "is no regular file", str(path))


class TooLargeFile(OSError):
    """A file of more bytes than what it should hold can have."""

    def __init__(self, path: Path, largest: int) -> None:
        super().__init__(errno.EFBIG, f"is larger than {largest:,} bytes", str(path))


def open_regular(path: Path) -> BinaryIO:
    """A file, opened to be read.

    Raises:
        NoRegularFile: if it is something else.
        OSError: if it cannot be opened.
    """
    # Looked at once it is open, without waiting: by its name it may be another a moment later.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NoRegularFile(path)
    return os.fdopen(handle, "rb")


def read_regular(path: Path, largest: int) -> bytes:
    """The bytes of a file of at most so many.

    Raises:
        NoRegularFile: if it is something else.
        TooLargeFile: if it has more.
        OSError: if it cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise TooLargeFile(path, largest)
    return content


def is_utf8(path: Path) -> bool:
    """Whether a path can be written down: names are bytes, and need not be text."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
