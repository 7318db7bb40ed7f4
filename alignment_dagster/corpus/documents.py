"""From raw rows to a table of distinct documents, each with the places it was read at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, Row, document_id
from alignment_dagster.corpus.sources import no_documents, unusable
from alignment_dagster.lineage import file_names
from alignment_dagster.study import Source

SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("external_id", pa.string()),
        pa.field("occurrences", pa.int64(), nullable=False),
        pa.field("repeated_at", pa.list_(pa.string()), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("payload", pa.string()),
    ]
)
"""One row for each distinct document, in the order of reading."""


@dataclass
class _Document:
    """A distinct document while its repeats are still being counted."""

    document_id: str
    row: RawRow
    repeated_at: list[str] = field(default_factory=list)


def deduplicate(source: Source, rows: Iterable[Row]) -> pa.Table:
    """The distinct documents of a source as a table of `SCHEMA`; identical rows become one.

    Raises:
        DataError: if there are no documents, or a row cannot be used.
    """
    documents: dict[str, _Document] = {}
    for row in rows:
        if isinstance(row, QuarantinedRow):
            raise unusable(row)
        identity = document_id(source.name, row)
        if identity in documents:
            documents[identity].repeated_at.append(f"{row.path}:{row.line}")
        else:
            documents[identity] = _Document(identity, row)
    if not documents:
        raise no_documents(source)
    return _table(source, list(documents.values()))


def _table(source: Source, documents: list[_Document]) -> pa.Table:
    columns = {
        "document_id": [document.document_id for document in documents],
        "source": [source.name] * len(documents),
        "position": list(range(len(documents))),
        "path": [document.row.path for document in documents],
        "line": [document.row.line for document in documents],
        "external_id": [document.row.external_id for document in documents],
        "occurrences": [1 + len(document.repeated_at) for document in documents],
        "repeated_at": [document.repeated_at for document in documents],
        "characters": [len(document.row.text) for document in documents],
        "text": [document.row.text for document in documents],
        "payload": [document.row.payload for document in documents],
    }
    return pa.table(columns, schema=SCHEMA)


def write_documents(table: pa.Table, folder: Path) -> Path:
    """Write the documents into `folder`; equal tables give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_names.DOCUMENTS
    pq.write_table(table, path, compression="zstd", row_group_size=8192)
    return path
