"""A declared source: where its files lie, the rows that are read from them, and their identity."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from alignment_dagster.corpus.files import SourceFile, find_files, sha256_files
from alignment_dagster.corpus.generators.version import CODE_VERSION
from alignment_dagster.corpus.readers import TEXT_READERS
from alignment_dagster.corpus.readers.generated import generated_path, read_generated
from alignment_dagster.corpus.readers.jsonl import read_jsonl
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import data_folder
from alignment_dagster.study import (
    CsvReader,
    GeneratedReader,
    JsonlReader,
    MarkdownReader,
    Source,
    Study,
)


def source_folder(study: Study, source: Source) -> Path | None:
    """Where a source's files lie: in `sources` of the study's own assets, or in the data folder.

    None for what is generated, and where no data folder is set.
    """
    if isinstance(source.reader, GeneratedReader):
        return None
    return study.assets / "sources" if source.reader.folder == "assets" else data_folder()


def read_source(source: Source, folder: Path | None, start: int = 0) -> Iterator[RawRow]:
    """The raw rows of a source, in the order of its files and their lines.

    Args:
        source: the declaration; its reader says what is read and how.
        folder: what its files' paths are relative to (see `source_folder`).
        start: how many of its files are left out, the first ones.

    Raises:
        DataError: names the source and the field, or the file and the line. Missing files and
            files that are not the declared ones are reported before the first row.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        return read_generated(source, reader)
    files = find_files(source.name, reader.path, folder)
    _check_digest(source, files)
    return _read_files(source, reader, files[start:])


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
        raise no_documents(source)


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


def no_documents(source: Source) -> DataError:
    """What is said where a source has none."""
    reader = source.reader
    where = reader.generator if isinstance(reader, GeneratedReader) else reader.path
    return DataError(f"source {source.name!r}: {where}: there are no documents")


def file_digests(
    source: Source, folder: Path | None, file_digest: Callable[[Path], str] = sha256_file
) -> list[tuple[str, str]]:
    """Name and hex SHA-256 of each file of a source, in the order in which they are read.

    A generator counts as one file: by its name, its arguments and the version of the generators.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        written = sha256_json([reader.model_dump(mode="json"), CODE_VERSION])
        return [(generated_path(reader), written)]
    files = find_files(source.name, reader.path, folder)
    return [(file.name, file_digest(file.path)) for file in files]


def source_digest(
    source: Source, folder: Path | None, file_digest: Callable[[Path], str] = sha256_file
) -> str:
    """Hex SHA-256 of what the source would read: it changes when the documents may change.

    Files count by name and bytes (`file_digest`). How they are read (the declaration, the readers'
    code) is not part of it.
    """
    return sha256_json(file_digests(source, folder, file_digest))
