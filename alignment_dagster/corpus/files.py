"""The files that a source names, and their lines: every fault is reported with file and line."""

import gzip
import hashlib
import os
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


def find_files(source: str, declared: str, data: Path | None) -> tuple[SourceFile, ...]:
    """The files that a reader's `path`, which may hold wildcards, names; sorted by name.

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
        SourceFile(path.relative_to(data).as_posix(), path) for path in paths if path.is_file()
    )
    if not files:
        raise DataError(f"{place}: there is no such file in {data}")
    for file in files:
        if not file.path.resolve().is_relative_to(data.resolve()):
            raise DataError(f"{place}: {file.name} links to a place outside the data folder")
    return files


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
        DataError: at the first byte that is not UTF-8, or where the archive is broken.
    """
    number = 0
    compressed = file.path.suffix == ".gz"
    try:
        with gzip.open(file.path) if compressed else file.path.open("rb") as handle:
            while raw := handle.readline(LONGEST_LINE + 1):
                number += 1
                yield number, _decode(raw, file, number)
    except EOFError:
        raise DataError(f"{file.name}:{number + 1}: the gzip archive is truncated") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{file.name}:{number + 1}: not a sound gzip archive: {error}") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise DataError(f"{file.name}: cannot be read: {reason}") from None


def _decode(raw: bytes, file: SourceFile, number: int) -> str:
    if len(raw) > LONGEST_LINE:
        raise DataError(f"{file.name}:{number}: the line is longer than {LONGEST_LINE:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}:{number}: not UTF-8 at byte {error.start + 1}") from None
    return text.removeprefix("\ufeff") if number == 1 else text
