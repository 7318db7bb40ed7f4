"""From a declared source to a table of distinct documents, each with the places it was read at."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.corpus.files import SourceFile, find_files, sha256_files
from alignment_dagster.corpus.generators.version import CODE_VERSION
from alignment_dagster.corpus.readers import TEXT_READERS
from alignment_dagster.corpus.readers.generated import read_generated
from alignment_dagster.corpus.readers.jsonl import read_jsonl
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.foundation.digests import sha256_file, sha256_json, sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import data_folder
from alignment_dagster.lineage import file_names
from alignment_dagster.study import (
    CsvReader,
    GeneratedReader,
    JsonlReader,
    MarkdownReader,
    Source,
    Study,
)

__all__ = ["SCHEMA", "RawRow", "deduplicate", "read_source", "source_digest", "write_documents"]


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


def source_folder(study: Study, source: Source) -> Path | None:
    """Where a source's files lie: in `sources` of the study's own assets, or in the data folder.

    None for what is generated, and where no data folder is set.
    """
    if isinstance(source.reader, GeneratedReader):
        return None
    return study.assets / "sources" if source.reader.folder == "assets" else data_folder()


def read_source(source: Source, folder: Path | None) -> Iterator[RawRow]:
    """The raw rows of a source, in the order of its files and their lines.

    Args:
        source: the declaration; its reader says what is read and how.
        folder: what its files' paths are relative to (see `source_folder`).

    Raises:
        DataError: names the source and the field, or the file and the line. Missing files and
            files that are not the declared ones are reported before the first row.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        return read_generated(source, reader)
    files = find_files(source.name, reader.path, folder)
    _check_digest(source, files)
    return _read_files(source, reader, files)


def check_first_rows(source: Source, folder: Path | None) -> None:
    """Read the first row of each of a source's files: what is wrong with all of them shows there.

    Raises:
        DataError: as `read_source` and `deduplicate`.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        next(read_generated(source, reader))
        return
    files = find_files(source.name, reader.path, folder)
    _check_digest(source, files)
    if not any([next(_read_files(source, reader, [file]), None) for file in files]):
        raise _no_documents(source)


def _read_files(
    source: Source, reader: JsonlReader | CsvReader | MarkdownReader, files: Sequence[SourceFile]
) -> Iterator[RawRow]:
    if isinstance(reader, JsonlReader):
        return read_jsonl(source, reader, files)
    if source.role != "corpus":
        message = f"a {reader.kind} reader reads plain text, not documents of the role"
        raise DataError(f"source {source.name!r}: reader.kind: {message} {source.role!r}")
    return TEXT_READERS[type(reader)](reader, files)


def _check_digest(source: Source, files: Sequence[SourceFile]) -> None:
    if source.sha256 is None:
        return
    found = sha256_files(files)
    if found != source.sha256:
        names = ", ".join(file.name for file in files)
        message = f"declared {source.sha256}, but the bytes of {names} give {found}"
        raise DataError(f"source {source.name!r}: sha256: {message}")


@dataclass
class _Document:
    """A distinct document while its repeats are still being counted."""

    document_id: str
    row: RawRow
    repeated_at: list[str] = field(default_factory=list)


def deduplicate(source: Source, rows: Iterable[RawRow]) -> pa.Table:
    """The distinct documents of a source as a table of `SCHEMA`; identical rows become one.

    Raises:
        DataError: if there are no documents.
    """
    documents: dict[str, _Document] = {}
    for row in rows:
        content = row.text if row.payload is None else row.payload
        document_id = sha256_text(source.name, content)
        if document_id in documents:
            documents[document_id].repeated_at.append(f"{row.path}:{row.line}")
        else:
            documents[document_id] = _Document(document_id, row)
    if not documents:
        raise _no_documents(source)
    return _table(source, list(documents.values()))


def _no_documents(source: Source) -> DataError:
    reader = source.reader
    where = reader.generator if isinstance(reader, GeneratedReader) else reader.path
    return DataError(f"source {source.name!r}: {where}: there are no documents")


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


def source_digest(
    source: Source, folder: Path | None, file_digest: Callable[[Path], str] = sha256_file
) -> str:
    """Hex SHA-256 of what the source would read: it changes when the documents may change.

    Files count by name and bytes (`file_digest`); a generator by its name, its arguments and the
    version of the generators. How the files are read (the declaration, the readers' code) is not
    part of it.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        return sha256_json([reader.model_dump(mode="json"), CODE_VERSION])
    files = find_files(source.name, reader.path, folder)
    return sha256_json([(file.name, file_digest(file.path)) for file in files])
