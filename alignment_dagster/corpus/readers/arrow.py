"""Arrow's IPC format: files (Feather 2) and streams, record batch by record batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from alignment_dagster.corpus.columns import (
    Types,
    Unpacking,
    batch_records,
    declared_types,
    require_same_types,
)
from alignment_dagster.corpus.files import Readable, unreadable
from alignment_dagster.corpus.rows import QuarantinedRow, Record
from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.study import FieldMap

MAGIC = b"ARROW1"
Batches = tuple[pa.Schema, Iterator[pa.RecordBatch]]


def read_arrow(reader: FieldMap, files: Sequence[Readable]) -> Iterator[Record | QuarantinedRow]:
    """The rows of all files in order; a row's line is its number in the file.

    The schemas of all files are compared before the first row.

    Raises:
        DataError: names the file that is no Arrow file or damaged, the column that it lacks, or
            that has another type than in the first file.
    """
    first = None
    for file in files:
        types = arrow_types(reader, file)
        first = first or (file, types)
        require_same_types(*first, file, types)
    names = list(dict.fromkeys(name.split(".")[0] for name in reader.columns))
    for file in files:
        with _opened(file) as (schema, batches):
            wanted = [name for name in schema.names if name in {*reader.columns, *names}]
            above, unpacking = 0, Unpacking(file)
            for batch in batches:
                chosen = batch.select(wanted)
                unpacking.add(chosen)
                yield from batch_records(file, chosen, above)
                above += batch.num_rows


def arrow_types(reader: FieldMap, file: Readable) -> Types:
    """The type of each declared column of a file.

    Raises:
        DataError: names the file that is no Arrow file, or the column that it lacks.
    """
    with _opened(file) as (schema, _):
        return declared_types(file, schema, reader.columns)


@contextmanager
def _opened(file: Readable) -> Iterator[Batches]:
    try:
        with file.open() as handle:
            begins = handle.read(len(MAGIC))
            handle.seek(0)
            if begins == MAGIC:
                table = pa.ipc.open_file(handle)
                numbers = range(table.num_record_batches)
                yield table.schema, (table.get_batch(number) for number in numbers)
            else:
                stream = pa.ipc.open_stream(handle)
                yield stream.schema, iter(stream)
    except pa.ArrowInvalid as error:
        message = first_line(error)
        raise DataError(f"{file.name}: not a sound Arrow file: {message}") from None
    except OSError as error:
        if error.errno is None:
            raise DataError(f"{file.name}: not a sound Arrow file: {error}") from None
        raise unreadable(file, error) from None
