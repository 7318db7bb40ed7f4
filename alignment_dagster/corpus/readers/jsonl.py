"""JSON Lines: one object a line."""

from collections.abc import Iterator, Sequence

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.lines import LongLine, not_utf8, read_bytes
from alignment_dagster.corpus.rows import QuarantinedRow, Record, quarantine
from alignment_dagster.foundation.json_objects import JsonFault, parse_line
from alignment_dagster.study import FieldMap


def read_jsonl(_reader: FieldMap, files: Sequence[Readable]) -> Iterator[Record | QuarantinedRow]:
    """The rows of all files in order; blank lines are no rows.

    Raises:
        DataError: names the file that is no text or a broken archive.
    """
    for file in files:
        for number, line in read_bytes(file):
            if isinstance(line, LongLine):
                yield QuarantinedRow(file.name, number, line.reason, line.sha256)
                continue
            try:
                yield Record(file.name, number, parse_line(line), line)
            except UnicodeDecodeError as error:
                yield quarantine(file.name, number, not_utf8(error), line)
            except JsonFault as fault:
                if not line.decode("utf-8").isspace():
                    yield quarantine(file.name, number, str(fault), line)
