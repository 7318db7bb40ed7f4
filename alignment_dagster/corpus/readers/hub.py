"""A dataset of the hub: each of its files is read by the reader of its format."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from alignment_dagster.corpus.columns import require_same_types
from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.readers.arrow import arrow_types, read_arrow
from alignment_dagster.corpus.readers.csv import read_csv
from alignment_dagster.corpus.readers.jsonl import read_jsonl
from alignment_dagster.corpus.readers.parquet import parquet_types, read_parquet
from alignment_dagster.corpus.rows import QuarantinedRow, Record
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import FieldMap, HubReader

ReadTable = Callable[[FieldMap, Sequence[Readable]], Iterator[Record | QuarantinedRow]]
FORMATS: Mapping[str, ReadTable] = {
    "parquet": read_parquet,
    "arrow": read_arrow,
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
    "json": read_jsonl,
    "csv": read_csv,
    "tsv": read_csv,
}
"""The ending of a file's name, without that of its packing → what reads it."""
TYPES = {"parquet": parquet_types, "arrow": arrow_types}
"""Those that have a schema, which must be the same in all files."""


def read_hub(reader: HubReader, files: Sequence[Readable]) -> Iterator[Record | QuarantinedRow]:
    """The rows of all files in order; a file is fetched when the one before it was read.

    Raises:
        DataError: names the file of a format that is not read here, of another schema than the
            first one, or that cannot be fetched.
    """
    first = None
    for file in files:
        ending = file.name.lower().removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
        if ending not in FORMATS:
            known = ", ".join(FORMATS)
            raise DataError(f"{file.name}: its format is not read here (known endings: {known})")
        if ending in TYPES:
            types = TYPES[ending](reader, file)
            first = first or (file, types)
            require_same_types(*first, file, types)
        yield from FORMATS[ending](reader, [file])
