"""Plain files whose rows are lines: reading may begin behind any of them.

A file to which lines were added is known by the digest of the bytes that it had.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alignment_dagster.foundation.digests import CHUNK


@dataclass(frozen=True)
class Place:
    """Behind a line of a file: its 1-based number, and how many bytes end with it."""

    line: int
    offset: int


class LineFiles:
    """The files, by name; what is asked of one comes in the order of its lines."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._name = ""
        self._begin(None)

    def _begin(self, file: BinaryIO | None) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._line = self._offset = 0

    def _open(self, name: str) -> BinaryIO | None:
        if name != self._name:
            self.close()
            self._name = name
            self._begin(self._paths[name].open("rb") if name in self._paths else None)
        return self._file

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
        self._name = ""
        self._begin(None)

    def find_end(self, name: str, line: int) -> tuple[Place, str] | None:
        """Where a line ends, and the hex SHA-256 of all bytes up to there.

        None where the file is none of these, or the line is not ended: it could still grow.
        """
        file = self._open(name)
        while file is not None and self._line < line:
            chunk = file.read(CHUNK)
            if not chunk:
                return None
            feeds = chunk.count(b"\n")
            if self._line + feeds >= line:
                end = -1
                for _ in range(line - self._line):
                    end = chunk.index(b"\n", end + 1)
                chunk, feeds = chunk[: end + 1], line - self._line
            self._pass(chunk, feeds)
            file.seek(self._offset)
        return None if file is None else (Place(line, self._offset), self._digest.hexdigest())

    def begins_with(self, name: str, place: Place, is_known: Callable[[str], bool]) -> bool:
        """Whether the hex SHA-256 of all bytes up to a place is known; no where there are fewer."""
        file = self._open(name)
        if file is None:
            return False
        digest, offset = self._digest.copy(), self._offset
        while offset < place.offset:
            chunk = file.read(min(CHUNK, place.offset - offset))
            if not chunk:
                break
            digest.update(chunk)
            offset += len(chunk)
        found = offset == place.offset and is_known(digest.hexdigest())
        if found:
            self._digest, self._line, self._offset = digest, place.line, offset
        file.seek(self._offset)
        return found

    def _pass(self, chunk: bytes, feeds: int) -> None:
        self._digest.update(chunk)
        self._offset += len(chunk)
        self._line += feeds
