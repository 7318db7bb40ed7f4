"""How raw documents are read: one module for each kind of reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.readers.arrow import read_arrow
from alignment_dagster.corpus.readers.csv import read_csv
from alignment_dagster.corpus.readers.hub import read_hub
from alignment_dagster.corpus.readers.jsonl import read_jsonl
from alignment_dagster.corpus.readers.markdown import read_markdown
from alignment_dagster.corpus.readers.parquet import read_parquet
from alignment_dagster.corpus.readers.text import read_text
from alignment_dagster.corpus.readers.warc import read_warc
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, Record
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import (
    ArrowReader,
    CsvReader,
    HubReader,
    JsonlReader,
    MarkdownReader,
    ParquetReader,
    TextReader,
    WarcReader,
)

ReadText = Callable[[Any, Sequence[Readable]], Iterator[RawRow | QuarantinedRow]]
"""(the declared reader, its files in order) → their documents."""
ReadTable = Callable[[Any, Sequence[Readable]], Iterator[Record | QuarantinedRow]]
"""(the declared reader, its files in order) → their rows; fields become documents elsewhere."""

TEXT_READERS: Mapping[type[Declared], ReadText] = {
    MarkdownReader: read_markdown,
    TextReader: read_text,
}
"""What reads plain text, and nothing else."""
TABLE_READERS: Mapping[type[Declared], ReadTable] = {
    JsonlReader: read_jsonl,
    ParquetReader: read_parquet,
    ArrowReader: read_arrow,
    CsvReader: read_csv,
    WarcReader: read_warc,
    HubReader: read_hub,
}
"""What reads rows of fields: documents of every role."""
