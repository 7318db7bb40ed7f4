"""Lines of JSON appended to a file, each whole, whoever else appends."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from alignment_dagster.refresh.notify.delivery import NotSentError


def append_line(path: Path, content: Mapping[str, object]) -> None:
    """Append one JSON object as one line; a line that was cut short before it is ended first.

    Raises:
        NotSentError: if the file cannot be written, or is a link to somewhere else.
    """
    line = json.dumps(content, ensure_ascii=True).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            _write(file.fileno(), line, size)
    except OSError as error:
        raise NotSentError(f"{path.name}: {os.strerror(error.errno or 0)}") from None


def _write(descriptor: int, line: bytes, size: int) -> None:
    """All of it or nothing."""
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise
