"""Files that are read as one text: how much of one is held, and which part of it is no text."""

import hashlib
import re
from collections.abc import Iterator

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.lines import BYTE_ORDER_MARK, LONGEST_LINE
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, quarantine
from alignment_dagster.corpus.streams import refuse_other_formats, unpack

BREAK = re.compile(r"\r\n|\r|\n")
NO_TEXT = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8, as `surrogateescape` keeps it."""


def read_whole(file: Readable) -> str | QuarantinedRow:
    """The file's text without a byte-order mark; bytes that are no text are kept as surrogates.

    A file that is too large to be held is one row that cannot be used.

    Raises:
        DataError: names the file that cannot be read, is a broken archive, or of another format.
    """
    held, digest, size = bytearray(), hashlib.sha256(), 0
    with unpack(file) as stream:
        while chunk := stream.read1():
            if not size:
                refuse_other_formats(chunk, file)
            digest.update(chunk)
            size += len(chunk)
            if size <= LONGEST_LINE:
                held += chunk
    if size > LONGEST_LINE:
        reason = f"the file is longer than {LONGEST_LINE:,} bytes, which is held as one text"
        return QuarantinedRow(file.name, 1, reason, digest.hexdigest())
    return held.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")


def part_of_file(
    file: Readable, text: str, line: int, title: str | None = None
) -> Iterator[RawRow | QuarantinedRow]:
    """A text that begins on that line of the file as a row, usable where all of it is text."""
    found = NO_TEXT.search(text)
    if found is None:
        yield RawRow(text.strip("\r\n"), None, title, file.name, line)
        return
    before = text[: found.start()]
    breaks = list(BREAK.finditer(before))
    begins = breaks[-1].end() if breaks else 0
    byte = len(before[begins:].encode("utf-8")) + 1
    raw = text.encode("utf-8", "surrogateescape")
    yield quarantine(file.name, line + len(breaks), f"not UTF-8 at byte {byte}", raw)
