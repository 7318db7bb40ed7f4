"""A declared source: where its files lie, the rows that are read from them, and their identity."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alignment_dagster.corpus.addresses import RemoteFile, find_remote
from alignment_dagster.corpus.contents import make_documents, missing_field
from alignment_dagster.corpus.files import Readable, SourceFile, find_files, sha256_files
from alignment_dagster.corpus.generators.version import CODE_VERSION
from alignment_dagster.corpus.hub import HubFile, find_hub_files
from alignment_dagster.corpus.line_files import Place
from alignment_dagster.corpus.passages import cut_rows
from alignment_dagster.corpus.readers import TABLE_READERS, TEXT_READERS
from alignment_dagster.corpus.readers.generated import generated_path, read_generated
from alignment_dagster.corpus.readers.warc import TEXT
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, Record, Row, document_id
from alignment_dagster.corpus.written import written_digest, written_path
from alignment_dagster.foundation.digests import sha256_file, sha256_json, sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import data_folder
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.study import (
    FieldMap,
    FileReader,
    GeneratedReader,
    HubReader,
    JsonlReader,
    Sample,
    Source,
    Study,
    WarcReader,
)
from alignment_dagster.study.sources import TextMap
from alignment_dagster.study.synthesis import SyntheticReader


@dataclass
class Tally:
    """What a reading leaves out because the declaration says so; it grows as rows are taken."""

    not_sampled: int = 0
    """Documents outside of the declared sample."""


def source_folder(study: Study, source: Source) -> Path | None:
    """Where a source's files lie: in `sources` of the study's own assets, or in the data folder.

    For what is written, the assets. None for what is generated or lies elsewhere than on this
    machine, and where no data folder is set.
    """
    return _folder(study.assets, source)


def _folder(assets: Path, source: Source) -> Path | None:
    reader = source.reader
    if isinstance(reader, SyntheticReader):
        return assets
    if not isinstance(reader, FileReader) or reader.is_remote:
        return None
    return assets / "sources" if reader.folder == "assets" else data_folder()


def read_source(
    source: Source,
    folder: Path | None,
    start: int = 0,
    tally: Tally | None = None,
    behind: Place | None = None,
) -> Iterator[Row]:
    """The raw rows of a source, in the order of its files and their lines, as a stream.

    Not of one that is written: nothing is asked of a model here.

    Args:
        source: the declaration; its reader says what is read and how.
        folder: what its files' paths are relative to (see `source_folder`).
        start: how many of its files are left out, the first ones.
        tally: counts what the declaration leaves out.
        behind: where in the first file that is read reading begins; one of `line_files`.

    Raises:
        DataError: names the source and the field, or the file. Missing files and files that are not
            the declared ones are reported before the first row. A row that cannot be used is no
            error: it is yielded as a `QuarantinedRow`.
    """
    if isinstance(source.reader, GeneratedReader):
        return finish_rows(source, read_generated(source, source.reader), tally or Tally())
    files = _find(source, folder)
    _check_digest(source, files)
    files = files[start:]
    if behind is not None:
        first = files[0]
        assert isinstance(first, SourceFile)
        files = [replace(first, offset=behind.offset, lines=behind.line), *files[1:]]
    return finish_rows(source, _read_files(source, files), tally or Tally())


def line_files(source: Source, folder: Path | None) -> dict[str, Path]:
    """Name → path of the files of a source in which reading may begin behind any line.

    Plain JSON Lines on this machine, of which each row is a document at most.
    """
    reader = source.reader
    if not isinstance(reader, JsonlReader) or reader.is_remote or source.passages is not None:
        return {}
    packed = (".gz", ".zst")
    found = find_files(source.name, reader.path, folder)
    return {one.name: one.path for one in found if not one.name.lower().endswith(packed)}


def check_first_rows(source: Source, folder: Path | None) -> None:
    """Read the first row of each of a source's files: what is wrong with all of them shows there.

    Files of the hub that are not on this machine are not fetched, and nothing is written.

    Raises:
        DataError: as `read_source`, and for a first row that cannot be used where none may be.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        next(read_generated(source, reader))
        return
    if isinstance(reader, SyntheticReader):
        return
    files = _find(source, folder)
    if isinstance(reader, HubReader):
        files = tuple(file for file in files if isinstance(file, HubFile) and file.is_cached)
        _field_map(source)
    else:
        _check_digest(source, files)
    found = [next(_read_files(source, [file]), None) for file in files]
    for row in found:
        if isinstance(row, QuarantinedRow) and not source.max_quarantined_share:
            raise DataError(f"{row.path}:{row.line}: {row.reason}")
    if files and not any(found):
        raise no_documents(source)
    # Readers that compare the schemas of all files do it before the first row.
    next(_read_files(source, files), None)


def no_documents(source: Source) -> DataError:
    """What is said where a source has none."""
    return DataError(f"source {source.name!r}: {_where(source)}: there are no documents")


def file_digests(
    source: Source, folder: Path | None, file_digest: Callable[[Path], str] = sha256_file
) -> list[tuple[str, str]]:
    """Name and identity of each file of a source, in the order in which they are read.

    A generator counts as one file: by its name, its arguments and the version of the generators;
    what is written as well, by all that decides what is asked.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        return [(generated_path(reader), source_digest(source, folder))]
    if isinstance(reader, SyntheticReader):
        return [(written_path(reader), source_digest(source, folder, file_digest))]
    if isinstance(reader, HubReader):
        pinned = source_digest(source, folder)
        return [(file.name, sha256_json([pinned, file.name])) for file in _find(source, folder)]
    return [(file.name, _identity(file, file_digest)) for file in _find(source, folder)]


def source_digest(
    source: Source, folder: Path | None, file_digest: Callable[[Path], str] = sha256_file
) -> str:
    """Hex SHA-256 of what the source would read: it changes when the documents may change.

    Files count by name and bytes (`file_digest`), those at an address by the store's own value for
    their bytes; a dataset of the hub by its name, configuration, split and revision; a generator by
    its name, its arguments and the version of the generators. How the files are read (the
    declaration, the readers' code) is not part of it.
    """
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        return sha256_json([reader.model_dump(mode="json"), CODE_VERSION])
    if isinstance(reader, SyntheticReader):
        assert folder is not None
        return _written_digest(source, reader, folder, file_digest)
    if isinstance(reader, HubReader):
        return sha256_json([reader.dataset, reader.configuration, reader.split, reader.revision])
    return sha256_json(file_digests(source, folder, file_digest))


def _written_digest(
    source: Source, reader: SyntheticReader, assets: Path, file_digest: Callable[[Path], str]
) -> str:
    original = ""
    if reader.rewrites is not None:
        rewritten = read_yaml(assets / "sources" / f"{reader.rewrites}.yaml").parse(Source)
        read = {name: getattr(rewritten, name) for name in ("reader", "sample", "passages")}
        plain = {name: value and value.model_dump(mode="json") for name, value in read.items()}
        digest = source_digest(rewritten, _folder(assets, rewritten), file_digest)
        original = sha256_json([plain, digest])
    return written_digest(reader, source.role, assets, original, file_digest)


def _identity(file: Readable, file_digest: Callable[[Path], str]) -> str:
    if isinstance(file, RemoteFile):
        return file.identity()
    assert isinstance(file, SourceFile)
    return file_digest(file.path)


def _find(source: Source, folder: Path | None) -> Sequence[Readable]:
    reader = source.reader
    assert not isinstance(reader, GeneratedReader | SyntheticReader)
    if isinstance(reader, HubReader):
        return find_hub_files(reader)
    if reader.is_remote:
        return find_remote(source.name, reader.folder, reader.path)
    return find_files(source.name, reader.path, folder)


def _read_files(source: Source, files: Sequence[Readable]) -> Iterator[Row]:
    reader = source.reader
    if type(reader) in TABLE_READERS:
        return _documents(source, TABLE_READERS[type(reader)](reader, files))
    if source.role != "corpus":
        message = f"a {reader.kind} reader reads plain text, not documents of the role"
        raise DataError(f"source {source.name!r}: reader.kind: {message} {source.role!r}")
    return TEXT_READERS[type(reader)](reader, files)


def _documents(source: Source, records: Iterator[Record | QuarantinedRow]) -> Iterator[Row]:
    return make_documents(_field_map(source), source.role, records)


def _field_map(source: Source) -> FieldMap:
    reader = source.reader
    if isinstance(reader, WarcReader):
        return TextMap(text=TEXT, id=reader.id, metadata=reader.metadata)
    assert isinstance(reader, FieldMap)
    field = missing_field(reader, source.role)
    if field is not None:
        message = f"a source of the role {source.role!r} must say which field this is"
        raise DataError(f"source {source.name!r}: reader.{field}: {message}")
    return reader


def finish_rows(source: Source, rows: Iterator[Row], tally: Tally) -> Iterator[Row]:
    """The rows as passages, where texts are cut, and of them the sample, where one is declared."""
    if source.passages is not None:
        by_line = type(source.reader) in TEXT_READERS
        rows = cut_rows(rows, source.passages.characters, by_line)
    return rows if source.sample is None else _sampled(source.name, source.sample, rows, tally)


def _sampled(name: str, sample: Sample, rows: Iterator[Row], tally: Tally) -> Iterator[Row]:
    bound = int(sample.share * 2**64)
    for row in rows:
        if isinstance(row, RawRow):
            drawn = sha256_text(str(sample.seed), document_id(name, row))
            if int(drawn[:16], 16) >= bound:
                tally.not_sampled += 1
                continue
        yield row


def _check_digest(source: Source, files: Sequence[Readable]) -> None:
    if source.sha256 is None:
        return
    found = sha256_files(files)
    if found != source.sha256:
        names = ", ".join(file.name for file in files)
        message = f"declared {source.sha256}, but the bytes of {names} give {found}"
        raise DataError(f"source {source.name!r}: sha256: {message}")


def _where(source: Source) -> str:
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        return reader.generator
    if isinstance(reader, SyntheticReader):
        return written_path(reader)
    return reader.dataset if isinstance(reader, HubReader) else reader.path
