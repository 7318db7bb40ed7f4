"""Comma-separated tables: one row a document, of which the named columns are the text."""

import csv
from collections.abc import Iterator, Sequence

from alignment_dagster.corpus.files import LONGEST_LINE, SourceFile, read_lines
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import CsvReader


def read_csv(reader: CsvReader, files: Sequence[SourceFile]) -> Iterator[RawRow]:
    """The rows of all files; a row's line is the first physical line of its cells.

    Raises:
        DataError: names file and line, and the column where one is missing.
    """
    for file in files:
        records = _records(file)
        _, header = next(records, (1, []))
        columns = [_column(name, header, file) for name in reader.text]
        label = None if reader.id is None else _column(reader.id, header, file)
        for line, cells in records:
            if not cells:
                continue
            if len(cells) != len(header):
                message = f"the row has {len(cells)} cells, the header names {len(header)}"
                raise DataError(f"{file.name}:{line}: {message}")
            text = "\n\n".join(cells[column] for column in columns if cells[column])
            yield RawRow(text, None, None if label is None else cells[label], file.name, line)


def _column(name: str, header: list[str], file: SourceFile) -> int:
    if header.count(name) != 1:
        fault = "is named twice in the header" if name in header else "there is no such column"
        known = ", ".join(header) or "none"
        raise DataError(f"{file.name}:1: {name}: {fault} (columns: {known})")
    return header.index(name)


def _records(file: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """Rows with the 1-based physical line on which each begins."""
    # The limit is the module's own and has no other user here.
    csv.field_size_limit(LONGEST_LINE)
    table = csv.reader((line for _, line in read_lines(file)), strict=True)
    line = 1
    try:
        for cells in table:
            yield line, cells
            line = table.line_num + 1
    except csv.Error as error:
        raise DataError(f"{file.name}:{line}: not a CSV row: {error}") from None
