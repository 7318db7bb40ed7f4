"""A look at a source: what it would read now, whether that is new, and the record of every look.

The record, `<home>/refresh/<study>.jsonl`, has one JSON line a look.
"""

import errno
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from alignment_dagster.corpus.sources import source_digest
from alignment_dagster.foundation.digests import canonical_json, sha256_file
from alignment_dagster.foundation.errors import ArtifactError, DataError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.jsonl import append, whole_lines
from alignment_dagster.study import Source


@dataclass(frozen=True)
class Look:
    """What a source was found to be."""

    time: str
    """In UTC, ISO 8601."""
    source: str
    digest: str
    """Of what it would read: see `source_digest`."""
    changed: bool
    """Whether that is not what the current documents were read from."""

    @property
    def moment(self) -> datetime:
        """When, in UTC."""
        found = datetime.fromisoformat(self.time)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class FileDigests:
    """SHA-256 of files; one that has the size and times of before is not read again.

    Kept in one process only, and only to find out where to look: what is read is always hashed.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int, int], str]] = {}

    def __call__(self, path: Path) -> str:
        """Hex SHA-256 of the file.

        Raises:
            DataError: if it cannot be read.
        """
        try:
            state = path.stat()
            mark = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
            known = self._known.get(path)
            if known is None or known[0] != mark:
                known = self._known[path] = (mark, sha256_file(path))
        except OSError as error:
            raise DataError(f"{path.name}: cannot be read: {error.strerror}") from None
        return known[1]


def look(source: Source, folder: Path | None, current: str | None, digests: FileDigests) -> Look:
    """What the source is now.

    Args:
        folder: that its files lie in.
        current: the digest of what the current documents were read from; None before the first.

    Raises:
        DataError: if there is nothing to read, or it cannot be read.
    """
    digest = source_digest(source, folder, digests)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Look(now, source.name, digest, digest != current)


def looks_file(home: Home, study: str) -> Path:
    """Where the refresh of a study writes down each look."""
    return home.refresh / f"{study}.jsonl"


def record(path: Path, looks: list[Look]) -> None:
    """Append the looks to the file, and bring them to the disk."""
    try:
        append(path, [canonical_json(asdict(one)) for one in looks])
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"{path}: the look could not be recorded: the disk is full"
        raise DataError(message) from None


def read_looks(path: Path) -> list[Look]:
    """The looks in order; none without the file. A last line that was cut off is left out.

    Raises:
        ArtifactError: names the line that is no look.
    """
    lines, _ = whole_lines(path)
    texts = [line.decode("utf-8", "replace") for line in lines]
    return [_look(path, number, text) for number, text in enumerate(texts, 1)]


def _look(path: Path, number: int, line: str) -> Look:
    try:
        found = Look(**json.loads(line))
        if not isinstance(found.source, str) or not isinstance(found.changed, bool):
            raise TypeError(f"source {found.source!r}, changed {found.changed!r}")
        _ = found.moment
        return found
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: line {number} is no look at a source ({error!r})") from None
