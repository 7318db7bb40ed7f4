"""Rows out of columnar files (Parquet, Arrow): the declared columns, of one schema in all files."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.rows import QuarantinedRow, Record, row_sha256
from alignment_dagster.corpus.streams import ALWAYS_UNPACKED, LARGEST_RATIO
from alignment_dagster.foundation.errors import DataError

BATCH = 1024
"""Rows that are held as Python values at once, at most."""
HELD = 64 * 2**20
"""Bytes of them, where one row has no more."""
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


class Unpacking:
    """How much the values of a file come to: one that is said often may be stored once."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._most = max(ALWAYS_UNPACKED, LARGEST_RATIO * file.size())
        self._given = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch in.

        Raises:
            DataError: names the file whose values are too many times its size.
        """
        self._given += unpacked_size(batch)
        if self._given > self._most:
            message = f"unpacks to more than {self._most:,} bytes, {LARGEST_RATIO} times its size"
            raise DataError(f"{self._file.name}: {message}: this is not what texts do")


def unpacked_size(batch: pa.RecordBatch) -> int:
    """Bytes of a batch's values, each as often as it is said."""
    return sum(_size(column) for column in batch.columns)


def _size(column: pa.Array) -> int:
    kind = column.type
    if pa.types.is_dictionary(kind):
        if not (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)):
            return int(column.nbytes)
        lengths = pc.cast(pc.binary_length(column.dictionary), pa.int64())
        return pc.sum(lengths.take(column.indices)).as_py() or 0
    if pa.types.is_struct(kind):
        return sum(map(_size, column.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _size(column.flatten())
    return int(column.nbytes)


def batch_records(
    file: Readable, batch: pa.RecordBatch, above: int
) -> Iterator[Record | QuarantinedRow]:
    """The rows of a batch that comes after `above` rows of its file; a row's line is its number."""
    for part in _parts(batch):
        try:
            rows = part.to_pylist()
        except UnicodeDecodeError:
            yield from _one_by_one(file, part, above)
        else:
            for number, fields in enumerate(rows, start=above + 1):
                yield Record(file.name, number, fields, None)
        above += part.num_rows


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces that can be held."""
    if batch.num_rows <= 1 or (batch.num_rows <= BATCH and unpacked_size(batch) <= HELD):
        if batch.num_rows:
            yield batch
        return
    half = batch.num_rows // 2
    yield from _parts(batch.slice(0, half))
    yield from _parts(batch.slice(half))


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
