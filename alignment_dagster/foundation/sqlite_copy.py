"""Copying a SQLite database that others may be writing to, without touching it."""

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

BESIDE = ("-wal", "-journal")
"""What a process that was killed leaves beside a database, and which belongs to its content."""
TRIES = 5
PAUSE = 0.2


def copy_database(source: Path, target: Path) -> None:
    """Copy the file with what belongs to it; again where it was written to meanwhile."""
    for _ in range(TRIES):
        before = _state(source)
        for ending in ("", *BESIDE):
            part = source.with_name(source.name + ending)
            copy = target.with_name(target.name + ending)
            copy.unlink(missing_ok=True)
            # A journal that is gone by now has been taken up.
            with suppress(FileNotFoundError):
                shutil.copyfile(part, copy)
        if _state(source) == before:
            return
        time.sleep(PAUSE)


def copy_databases(names: Iterable[str], source: Path, target: Path) -> None:
    """Copy those below the folder `source` that there are, to the same places below `target`."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).exists():
            copy_database(source / name, target / name)


def is_readable_in_place(path: Path) -> bool:
    """Whether reading it leaves no trace, and the file alone is the whole content.

    The bytes 18 and 19 of the file say whether it has a write-ahead log (SQLite, file format,
    1.3): SQLite creates files beside such a database also to read it. An empty journal is what a
    finished commit leaves in the mode TRUNCATE.
    """
    beside = (path.with_name(path.name + ending) for ending in BESIDE)
    if any(part.exists() and part.stat().st_size for part in beside):
        return False
    with path.open("rb") as handle:
        return handle.read(20)[18:] == b"\x01\x01"


def _state(path: Path) -> list[tuple[int, int]]:
    found = []
    for ending in ("", *BESIDE):
        part = path.with_name(path.name + ending)
        if part.exists():
            told = part.stat()
            found.append((told.st_mtime_ns, told.st_size))
    return found
