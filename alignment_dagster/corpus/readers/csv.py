"""Comma-separated tables and their relatives: one row a document."""

import csv
from collections.abc import Iterator, Sequence

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.lines import LONGEST_LINE, LongLine, not_utf8, read_bytes
from alignment_dagster.corpus.rows import QuarantinedRow, Record, quarantine
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import CsvReader, FieldMap


def read_csv(reader: FieldMap, files: Sequence[Readable]) -> Iterator[Record | QuarantinedRow]:
    """The rows of all files; a row's line is the first physical line of its cells.

    Raises:
        DataError: names the file, and the column that its header lacks or names twice.
    """
    declared = reader.delimiter if isinstance(reader, CsvReader) else None
    for file in files:
        yield from _rows(file, reader.columns, declared or _delimiter(file.name))


def _delimiter(name: str) -> str:
    return "\t" if name.lower().removesuffix(".gz").removesuffix(".zst").endswith(".tsv") else ","


class _Lines:
    """A file's lines as texts for the parser, and what was handed out since the last row.

    A line that is not UTF-8 is handed out all the same: its quotation marks and commas say where
    the row ends.
    """

    def __init__(self, file: Readable) -> None:
        self._lines = read_bytes(file)
        self.number = 0
        self.raw: list[bytes] = []
        self.fault = ""

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.number = number
            if isinstance(line, LongLine):
                self.fault = self.fault or line.reason
                self.raw.append(line.sha256.encode())
                yield "\n"
                continue
            self.raw.append(line)
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                self.fault = self.fault or not_utf8(error)
                yield line.decode("utf-8", "surrogateescape")


def _rows(
    file: Readable, columns: Sequence[str], delimiter: str
) -> Iterator[Record | QuarantinedRow]:
    # The limit is the module's own and has no other user here.
    csv.field_size_limit(LONGEST_LINE)
    lines = _Lines(file)
    table = csv.reader(lines, strict=True, delimiter=delimiter)
    header: list[str] | None = None
    while True:
        line, lines.raw, lines.fault = lines.number + 1, [], ""
        cells: list[str] = []
        try:
            cells = next(table)
        except StopIteration:
            break
        except csv.Error as error:
            lines.fault = lines.fault or f"not a CSV row: {error}"
        if header is None:
            if lines.fault:
                raise DataError(f"{file.name}:1: {lines.fault}")
            header = cells
            _check_header(header, columns, file)
            continue
        if cells and len(cells) != len(header) and not lines.fault:
            lines.fault = f"the row has {len(cells)} cells, the header names {len(header)}"
        raw = b"".join(lines.raw)
        if lines.fault:
            yield quarantine(file.name, line, lines.fault + _extent(line, lines.number), raw)
        elif cells:
            yield Record(file.name, line, dict(zip(header, cells, strict=True)), raw)
    if header is None:
        _check_header([], columns, file)


def _extent(first: int, last: int) -> str:
    return f" (lines {first} to {last})" if last > first else ""


def _check_header(header: list[str], columns: Sequence[str], file: Readable) -> None:
    for name in columns:
        if header.count(name) != 1:
            fault = "is named twice in the header" if name in header else "there is no such column"
            known = ", ".join(header) or "none"
            raise DataError(f"{file.name}:1: {name}: {fault} (columns: {known})")
