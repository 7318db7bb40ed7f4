"""Parquet: the declared columns of each row, batch by batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pyarrow as pa

from alignment_dagster.corpus.columns import (
    Types,
    Unpacking,
    batch_records,
    declared_types,
    require_same_types,
)
from alignment_dagster.corpus.files import Readable, SourceFile, unreadable
from alignment_dagster.corpus.readers.parquet_dictionaries import rows_at_a_time
from alignment_dagster.corpus.rows import QuarantinedRow, Record
from alignment_dagster.corpus.streams import ALWAYS_UNPACKED, LARGEST_RATIO
from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.study import FieldMap

if TYPE_CHECKING:
    import pyarrow.parquet as pq


def read_parquet(reader: FieldMap, files: Sequence[Readable]) -> Iterator[Record | QuarantinedRow]:
    """The rows of all files in order; a row's line is its number in the file.

    The schemas of all files are compared before the first row.

    Raises:
        DataError: names the file that is no Parquet or damaged, the column that it lacks, or that
            has another type than in the first file.
    """
    first = None
    for file in files:
        types = parquet_types(reader, file)
        first = first or (file, types)
        require_same_types(*first, file, types)
    for file in files:
        with _opened(file) as table, file.open() as pages:
            above, unpacking = 0, Unpacking(file)
            # A group at a time: over all of them the library reads far ahead.
            for group in range(table.num_row_groups):
                rows = rows_at_a_time(pages, _chunks(table.metadata.row_group(group), reader))
                for batch in table.iter_batches(rows, [group], list(reader.columns)):
                    unpacking.add(batch)
                    yield from batch_records(file, batch, above)
                    above += batch.num_rows


def parquet_types(reader: FieldMap, file: Readable) -> Types:
    """The type of each declared column of a file.

    Raises:
        DataError: names the file that is no Parquet, or the column that it lacks.
    """
    with _opened(file) as table:
        return declared_types(file, table.schema_arrow, reader.columns)


@contextmanager
def _opened(file: Readable) -> Iterator["pq.ParquetFile"]:
    # Imported here for its weight.
    import pyarrow.parquet as pq

    try:
        with (
            nullcontext(file.path) if isinstance(file, SourceFile) else file.open() as place,
            pq.ParquetFile(place, pre_buffer=not isinstance(file, SourceFile)) as table,
        ):
            _refuse_bomb(file, table.metadata)
            yield table
    except pa.ArrowInvalid as error:
        raise DataError(f"{file.name}: not a sound Parquet file: {first_line(error)}") from None
    except OSError as error:
        if error.errno is None:
            message = f"not a sound Parquet file: {first_line(error)}"
            raise DataError(f"{file.name}: {message}") from None
        raise unreadable(file, error) from None


def _chunks(group: "pq.RowGroupMetaData", reader: FieldMap) -> Iterator["pq.ColumnChunkMetaData"]:
    """The declared columns of a row group, and what is nested in them."""
    names = {name.split(".")[0] for name in reader.columns}
    for index in range(group.num_columns):
        chunk = group.column(index)
        if chunk.path_in_schema.split(".")[0] in names:
            yield chunk


def _refuse_bomb(file: Readable, metadata: "pq.FileMetaData") -> None:
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        for index in range(chunks.num_columns):
            chunk = chunks.column(index)
            packed = max(chunk.total_compressed_size, 1)
            if chunk.total_uncompressed_size > max(ALWAYS_UNPACKED, LARGEST_RATIO * packed):
                message = f"unpacks to more than {LARGEST_RATIO} times its size"
                where = f"{file.name}: row group {group}: {chunk.path_in_schema}"
                raise DataError(f"{where}: {message}: this is not what texts do")
