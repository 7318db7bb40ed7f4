"""The files that a source names, in a folder of this machine or at an address."""

import fnmatch
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from alignment_dagster.foundation.digests import CHUNK
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.foreign_files import is_utf8, open_regular
from alignment_dagster.foundation.home import DATA_VARIABLE
from alignment_dagster.foundation.yaml_models import shown

WILDCARDS = "*?["


class Readable(Protocol):
    """A file of a source, wherever it lies."""

    @property
    def name(self) -> str:
        """Its path relative to the source's folder."""

    def open(self) -> BinaryIO:
        """Its bytes from the beginning; raises OSError where they cannot be had."""

    def size(self) -> int:
        """In bytes; raises OSError where that cannot be known."""


@dataclass(frozen=True)
class SourceFile:
    """A file of this machine: where it lies, and its path relative to the data folder.

    It may be read from `offset` on, behind `lines` of its lines.
    """

    name: str
    path: Path
    offset: int = 0
    lines: int = 0

    def open(self) -> BinaryIO:
        file = open_regular(self.path)
        file.seek(self.offset)
        return file

    def size(self) -> int:
        return self.path.stat().st_size


def unreadable(file: Readable, error: OSError) -> DataError:
    """What is said of a file that the system does not give out."""
    reason = error.strerror or error
    return DataError(f"{file.name}: cannot be read: {reason}")


class MissingFiles(DataError):
    """Nothing lies where a source's files should."""


def find_files(source: str, declared: str, data: Path | None) -> tuple[SourceFile, ...]:
    """The files that a reader's `path`, which may hold wildcards, names; sorted by name.

    A wildcard names nothing hidden: other programs leave their own files beside the data.

    Raises:
        MissingFiles: if nothing matches.
        DataError: if there is no data folder, or a file lies outside the folder.
    """
    place = f"source {source!r}: reader.path: {declared!r}"
    if data is None:
        raise DataError(f"{place}: set {DATA_VARIABLE} to the folder that holds the data")
    if not data.is_dir():
        raise DataError(f"{place}: {DATA_VARIABLE}: there is no folder {data}")
    parts = PurePosixPath(declared)
    if parts.is_absolute() or ".." in parts.parts or "\0" in declared:
        raise DataError(f"{place}: must be relative to the data folder and stay inside it")
    paths = sorted(data.glob(declared)) if has_wildcards(declared) else [data / declared]
    files = tuple(
        SourceFile(path.relative_to(data).as_posix(), path)
        for path in paths
        if path.is_file() and not is_hidden(path.relative_to(data), parts)
    )
    if not files:
        raise MissingFiles(f"{place}: there is no such file in {data}")
    for file in files:
        if not is_utf8(file.path):
            message = "has a name that is not UTF-8: rename it"
            raise DataError(f"{place}: {shown(file.path)} {message}")
        if not file.path.resolve().is_relative_to(data.resolve()):
            raise DataError(f"{place}: {file.name} links to a place outside the data folder")
    return files


def has_wildcards(declared: str) -> bool:
    """Whether a declared path can name several files."""
    return any(character in declared for character in WILDCARDS)


def is_hidden(path: PurePosixPath | Path, declared: PurePosixPath) -> bool:
    """Whether a part of the path is hidden (`.x`), and the declared path does not name it so."""
    named = [part for part in declared.parts if part.startswith(".")]
    hidden = (part for part in path.parts if part.startswith("."))
    return any(not any(fnmatch.fnmatchcase(part, name) for name in named) for part in hidden)


def sha256_files(files: Sequence[Readable]) -> str:
    """Hex SHA-256 over the bytes of all files, one after the other.

    Raises:
        DataError: names the file that cannot be read.
    """
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.open() as handle:
                while chunk := handle.read(CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise unreadable(file, error) from None
    return digest.hexdigest()
