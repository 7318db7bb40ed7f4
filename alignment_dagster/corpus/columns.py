"""Rows out of columnar files (Parquet, Arrow): the declared columns, of one schema in all files."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.rows import QuarantinedRow, Record, row_sha256
from alignment_dagster.foundation.errors import DataError

BATCH = 1024
"""Rows that are held as Python values at once."""
Types = Mapping[str, pa.DataType]


def declared_types(file: Readable, schema: pa.Schema, columns: Sequence[str]) -> Types:
    """The type of each declared column; a dotted name leads into a struct.

    Raises:
        DataError: names the file and the column that it does not have.
    """
    return {name: _type(file, schema, name) for name in columns}


def require_same_types(first: Readable, expected: Types, file: Readable, found: Types) -> None:
    """Refuse a file whose declared columns have other types than those of the first one.

    Raises:
        DataError: names both files, the column and the types.
    """
    for name, kind in expected.items():
        if found[name] != kind:
            message = f"is {found[name]} here and {kind} in {first.name}"
            raise DataError(f"{file.name}: {name}: {message}: a source has one schema")


def batch_records(
    file: Readable, batch: pa.RecordBatch, above: int
) -> Iterator[Record | QuarantinedRow]:
    """The rows of a batch that comes after `above` rows of its file; a row's line is its number."""
    for start in range(0, batch.num_rows, BATCH):
        part = batch.slice(start, BATCH)
        try:
            rows = part.to_pylist()
        except UnicodeDecodeError:
            yield from _one_by_one(file, part, above + start)
            continue
        for number, fields in enumerate(rows, start=above + start + 1):
            yield Record(file.name, number, fields, None)


def _one_by_one(
    file: Readable, batch: pa.RecordBatch, above: int
) -> Iterator[Record | QuarantinedRow]:
    for index in range(batch.num_rows):
        row, number = batch.slice(index, 1), above + index + 1
        fields: dict[str, object] = {}
        bad = ""
        for name, column in zip(batch.schema.names, row.columns, strict=True):
            try:
                fields[name] = column[0].as_py()
            except UnicodeDecodeError as error:
                bad = bad or f"{name}: not UTF-8 at byte {error.start + 1}"
                fields[name] = bytes(error.object)
        if bad:
            yield QuarantinedRow(file.name, number, bad, row_sha256(fields))
        else:
            yield Record(file.name, number, fields, None)


def _type(file: Readable, schema: pa.Schema, name: str) -> pa.DataType:
    parts = [name] if name in schema.names else name.split(".")
    if schema.names.count(parts[0]) == 1:
        found = schema.field(parts[0]).type
        for part in parts[1:]:
            found = found.field(part).type if _has(found, part) else None
        if found is not None:
            return _plain(found)
    fault = "is named twice" if schema.names.count(parts[0]) > 1 else "there is no such column"
    known = ", ".join(schema.names) or "none"
    raise DataError(f"{file.name}: {name}: {fault} (columns: {known})")


def _has(kind: pa.DataType | None, name: str) -> bool:
    return kind is not None and pa.types.is_struct(kind) and kind.get_field_index(name) >= 0


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without what differs in storage only: writers choose it by themselves."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind
