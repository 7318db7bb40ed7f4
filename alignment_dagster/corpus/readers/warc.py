"""Web archives: the records of plain text in WARC and WET files."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.http_bodies import read_body
from alignment_dagster.corpus.lines import LONGEST_LINE, not_utf8
from alignment_dagster.corpus.rows import QuarantinedRow, Record, RowFault, quarantine
from alignment_dagster.corpus.streams import ALWAYS_UNPACKED, LARGEST_RATIO, buffered, unpack
from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.study import WarcReader

TEXT = "text"
"""The field of a record that holds what it says; all others are its headers."""
PLAIN = "text/plain"
DOCUMENTS = frozenset({"conversion", "resource", "response"})
"""Types of records that hold a document; requests, descriptions and repeats hold none."""


def read_warc(reader: WarcReader, files: Sequence[Readable]) -> Iterator[Record | QuarantinedRow]:
    """The documents of all files; a row's line is the record's number in the file.

    A document that is not plain text (a page of HTML) cannot be used: it has to be extracted first.

    Raises:
        DataError: names the file that is no web archive, or a broken one.
    """
    # Imported here for its weight.
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    for file in files:
        number = 0
        try:
            with unpack(file) as stream:
                for number, record in enumerate(ArchiveIterator(buffered(stream)), start=1):
                    if record.rec_type in DOCUMENTS:
                        yield _row(file, number, record)
        except ArchiveLoadFailed as error:
            reason = first_line(error)
            message = f"{file.name}:{number + 1}: not a sound web archive: {reason}"
            raise DataError(message) from None


def _row(file: Readable, number: int, record: Any) -> Record | QuarantinedRow:
    most = max(ALWAYS_UNPACKED, LARGEST_RATIO * (record.length or 0))
    held, digest, size = bytearray(), hashlib.sha256(), 0
    try:
        for chunk in read_body(record):
            digest.update(chunk)
            size += len(chunk)
            if size > most:
                raise RowFault(
                    f"unpacks to more than {LARGEST_RATIO} times its size; {size:,} bytes were read"
                )
            if size <= LONGEST_LINE:
                held += chunk
    except RowFault as fault:
        return QuarantinedRow(file.name, number, str(fault), digest.hexdigest())
    raw = bytes(held)
    kind = _content_type(record)
    if kind != PLAIN:
        reason = f"is {kind or 'of no named type'}: records of {PLAIN} are read"
        return QuarantinedRow(file.name, number, reason, digest.hexdigest())
    if size > LONGEST_LINE:
        reason = f"the record is longer than {LONGEST_LINE:,} bytes"
        return QuarantinedRow(file.name, number, reason, digest.hexdigest())
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return quarantine(file.name, number, not_utf8(error), raw)
    return Record(file.name, number, {**dict(record.rec_headers.headers), TEXT: text}, raw)


def _content_type(record: Any) -> str:
    """What a document is, without parameters: of a response, what its HTTP header says."""
    headers = record.http_headers or record.rec_headers
    return str(headers.get_header("Content-Type") or "").partition(";")[0].strip().lower()
