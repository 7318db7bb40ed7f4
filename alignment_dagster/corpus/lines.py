"""The physical lines of a file: each with its number, none longer than fits into the memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from alignment_dagster.corpus.files import Readable, SourceFile
from alignment_dagster.corpus.streams import refuse_other_formats, unpack
from alignment_dagster.foundation.errors import DataError

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is passed over, so that a small hostile archive cannot fill the memory."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class LongLine:
    """A line that was not held: its digest is all that is known of it."""

    sha256: str

    @property
    def reason(self) -> str:
        """Why it cannot be used."""
        return f"the line is longer than {LONGEST_LINE:,} bytes"


Line = bytes | LongLine


def read_bytes(file: Readable) -> Iterator[tuple[int, Line]]:
    """The lines of a file, plain or packed, with their 1-based numbers.

    The line feed that ends a line is kept. A byte-order mark at the start is removed.

    Raises:
        DataError: if the file cannot be read, is a broken archive, or is of another format.
    """
    number = file.lines if isinstance(file, SourceFile) else 0
    begun = _Begun()
    with unpack(file) as stream:
        while chunk := stream.read1():
            if number == 0 and begun.is_empty:
                refuse_other_formats(chunk, file)
                chunk = chunk.removeprefix(BYTE_ORDER_MARK)
            first, feed, rest = chunk.partition(b"\n")
            begun.add(first + feed)
            if not feed:
                continue
            number += 1
            yield number, begun.take()
            *whole, last = rest.split(b"\n")
            for line in whole:
                number += 1
                if len(line) < LONGEST_LINE:
                    yield number, line + b"\n"
                else:
                    yield number, LongLine(hashlib.sha256(line + b"\n").hexdigest())
            begun.add(last)
    if not begun.is_empty:
        yield number + 1, begun.take()


class _Begun:
    """A line whose end was not read yet; of one that is too long only the digest goes on."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._held = bytearray()
        self._passed = hashlib.sha256()
        self._length = 0

    @property
    def is_empty(self) -> bool:
        return self._length == 0

    def add(self, piece: bytes) -> None:
        self._length += len(piece)
        self._held += piece
        if self._length > LONGEST_LINE:
            self._passed.update(self._held)
            self._held.clear()

    def take(self) -> Line:
        long = self._length > LONGEST_LINE
        line = LongLine(self._passed.hexdigest()) if long else bytes(self._held)
        self._begin()
        return line


def read_lines(file: Readable) -> Iterator[tuple[int, str]]:
    """As `read_bytes`, of a file in which every line has to be text.

    Raises:
        DataError: as `read_bytes`, and at the first line that is not UTF-8 or too long.
    """
    for number, line in read_bytes(file):
        if isinstance(line, LongLine):
            raise DataError(f"{file.name}:{number}: {line.reason}")
        try:
            yield number, line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{file.name}:{number}: {not_utf8(error)}") from None


def not_utf8(error: UnicodeDecodeError) -> str:
    """Why bytes are no text."""
    return f"not UTF-8 at byte {error.start + 1}"
