"""The files that a source names, and their lines: every fault is reported with file and line."""

import fnmatch
import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from alignment_dagster.foundation.digests import CHUNK
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import DATA_VARIABLE

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is refused, so that a small hostile archive cannot fill the memory."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: where it lies, and its path relative to the data folder."""

    name: str
    path: Path


FORMATS = {
    b"PAR1\x15": "a Parquet file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard",
    b"\xfd7zXZ\x00": "compressed by xz",
    b"\x04\x22\x4d\x18": "compressed by LZ4",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"SQLite format 3\x00": "an SQLite database",
}
"""How files begin that people take for text."""
BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")


def find_files(source: str, declared: str, data: Path | None) -> tuple[SourceFile, ...]:
    """The files that a reader's `path`, which may hold wildcards, names; sorted by name.

    A wildcard names nothing hidden: other programs leave their own files beside the data.

    Raises:
        DataError: if there is no data folder, nothing matches, or a file lies outside the folder.
    """
    place = f"source {source!r}: reader.path: {declared!r}"
    if data is None:
        raise DataError(f"{place}: set {DATA_VARIABLE} to the folder that holds the data")
    if not data.is_dir():
        raise DataError(f"{place}: {DATA_VARIABLE}: there is no folder {data}")
    parts = PurePosixPath(declared)
    if parts.is_absolute() or ".." in parts.parts or "\0" in declared:
        raise DataError(f"{place}: must be relative to the data folder and stay inside it")
    has_wildcards = any(character in declared for character in "*?[")
    paths = sorted(data.glob(declared)) if has_wildcards else [data / declared]
    files = tuple(
        SourceFile(path.relative_to(data).as_posix(), path)
        for path in paths
        if path.is_file() and not _is_hidden(path.relative_to(data), parts)
    )
    if not files:
        raise DataError(f"{place}: there is no such file in {data}")
    for file in files:
        if not file.path.resolve().is_relative_to(data.resolve()):
            raise DataError(f"{place}: {file.name} links to a place outside the data folder")
    return files


def _is_hidden(path: Path, declared: PurePosixPath) -> bool:
    """Whether a part of the path is hidden (`.x`), and the declared path does not name it so."""
    named = [part for part in declared.parts if part.startswith(".")]
    hidden = (part for part in path.parts if part.startswith("."))
    return any(not any(fnmatch.fnmatchcase(part, name) for name in named) for part in hidden)


def sha256_files(files: Sequence[SourceFile]) -> str:
    """Hex SHA-256 over the bytes of all files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.path.open("rb") as handle:
                while chunk := handle.read(CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise DataError(f"{file.name}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def read_lines(file: SourceFile) -> Iterator[tuple[int, str]]:
    """The physical lines of a UTF-8 file, `.gz` or plain, with their 1-based numbers.

    The line feed that ends a line is kept. A byte-order mark at the start is removed.

    Raises:
        DataError: at the first byte that is not UTF-8, where the archive is broken, or if the file
            is of another format than text.
    """
    number = 0
    compressed = file.path.suffix.lower() == ".gz"
    try:
        with gzip.open(file.path) if compressed else file.path.open("rb") as handle:
            while raw := handle.readline(LONGEST_LINE + 1):
                number += 1
                if number == 1:
                    _refuse_other_formats(raw, file)
                yield number, _decode(raw, file, number)
    except EOFError:
        raise DataError(f"{file.name}:{number + 1}: the gzip archive is truncated") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{file.name}:{number + 1}: not a sound gzip archive: {error}") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise DataError(f"{file.name}: cannot be read: {reason}") from None


def _refuse_other_formats(raw: bytes, file: SourceFile) -> None:
    found = next((what for mark, what in FORMATS.items() if raw.startswith(mark)), None)
    if BZIP2.match(raw):
        found = "compressed by bzip2"
    if found:
        known = "text (UTF-8) is read, plain or compressed by gzip in a file that ends in .gz"
        raise DataError(f"{file.name}: is {found}: {known}")


def _decode(raw: bytes, file: SourceFile, number: int) -> str:
    if len(raw) > LONGEST_LINE:
        raise DataError(f"{file.name}:{number}: the line is longer than {LONGEST_LINE:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}:{number}: not UTF-8 at byte {error.start + 1}") from None
    return text.removeprefix("\ufeff") if number == 1 else text
