"""The journal of a study: one line for every time that an artifact became current, in order.

Each line carries the digest of the line before, so that a line cannot be taken out or changed
without breaking all that follow. `current` is what the last line of a partition says.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from alignment_dagster.foundation import jsonl
from alignment_dagster.foundation.digests import canonical_json, sha256_text
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.locks import file_lock
from alignment_dagster.lineage.provenance import Key

JOURNAL = "journal.jsonl"
START = "0" * 64


@dataclass(frozen=True)
class Entry:
    """An artifact that became current."""

    number: int
    time: str
    """In UTC; never before that of the line above, also where the clock was set back."""
    asset: str
    partition: str | None
    version: str
    digest: str
    """Of its manifest."""
    record: str
    """Of its signed statement."""
    dagster_run_id: str
    """The run that reported it; another than the one that made it where it was reused."""
    reused: bool
    previous: str
    """Digest of the line before; zeros for the first."""

    @property
    def key(self) -> Key:
        """Of the artifact."""
        return self.asset, self.partition, self.version

    @property
    def link(self) -> str:
        """Hex SHA-256 of this line."""
        return sha256_text(canonical_json(asdict(self)))


@dataclass(frozen=True)
class NewEntry:
    """What is to be written down; number, time and link are the journal's."""

    asset: str
    partition: str | None
    version: str
    digest: str
    record: str
    dagster_run_id: str
    reused: bool


class SharedLines(Protocol):
    """The same journal where other machines write to it too: each number is given once."""

    def get(self, number: int) -> str | None:
        """The line of that number; None where there is none yet."""

    def put(self, number: int, line: str) -> bool:
        """Whether this line has that number now."""


class Journal:
    """The journal at `<lake>/<study>/journal.jsonl`; appended to under a lock, never rewritten.

    Where it is shared, a line is written there first, and this file is a copy of it.
    """

    def __init__(self, folder: Path, shared: SharedLines | None = None) -> None:
        self.path = folder / JOURNAL
        self.shared = shared

    def append(self, new: NewEntry) -> Entry:
        """Write the next line and bring it to the disk.

        Raises:
            ArtifactError: if the last line is damaged, or the shared journal cannot be written to.
        """
        with self._locked() as handle:
            while True:
                last = self._caught_up(handle)
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                entry = Entry(
                    number=last.number + 1 if last else 1,
                    time=max(now, last.time) if last else now,
                    previous=last.link if last else START,
                    **asdict(new),
                )
                if self.shared is None or self.shared.put(entry.number, _line(entry)):
                    _write(handle, entry)
                    return entry

    def catch_up(self) -> None:
        """Copy the lines that other machines wrote; the shared journal gets those it lacks.

        Raises:
            ArtifactError: if the two are not one journal.
        """
        if self.shared is not None and (self.path.exists() or self.shared.get(1) is not None):
            with self._locked() as handle:
                self._caught_up(handle)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(self.path) as handle:
            yield handle

    def _caught_up(self, handle: int) -> Entry | None:
        """The last line, after those of other machines were copied."""
        last = self._last(handle)
        if self.shared is None:
            return last
        if last is not None:
            self._agree(last, self.shared)
        number = last.number + 1 if last else 1
        while (line := self.shared.get(number)) is not None:
            entry = self._entry(line, number)
            if (entry.number, entry.previous) != (number, last.link if last else START):
                raise ArtifactError(f"{self.path}: line {number} of the store does not continue it")
            _write(handle, entry)
            last, number = entry, number + 1
        return last

    def _agree(self, last: Entry, shared: SharedLines) -> None:
        """The shared journal has the last line, or else gets all that it lacks."""
        there = shared.get(last.number)
        lines = [last] if there is not None else self.entries()
        for entry in lines:
            if not shared.put(entry.number, _line(entry)):
                message = f"line {entry.number} of the store is another one: they were begun apart"
                raise ArtifactError(f"{self.path}: {message}")

    def entries(self) -> Iterator[Entry]:
        """The lines in order, as they are written.

        Raises:
            ArtifactError: names the line that is no entry.
        """
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, 1):
                yield self._entry(line, number)

    def current(self, asset: str, partition: str | None) -> str | None:
        """The version that became current last; None before the first.

        Raises:
            ArtifactError: names the line that is no entry.
        """
        found = [one for one in self.entries() if (one.asset, one.partition) == (asset, partition)]
        return found[-1].version if found else None

    def problems(self) -> list[str]:
        """Where the chain does not hold: at most one message a line."""
        problems, expected, number = [], START, 0
        for entry in self.entries():
            number += 1
            where = f"{JOURNAL} line {number} ({entry.asset}, {entry.version})"
            if entry.number != number:
                problems.append(f"{where}: is numbered {entry.number}: a line is missing or moved")
            elif entry.previous != expected:
                problems.append(f"{where}: the line before it was changed, moved or taken out")
            expected = entry.link
            number = entry.number
        return problems

    def _last(self, handle: int) -> Entry | None:
        """The last whole line; a line that a power cut left unfinished is cut off."""
        line = jsonl.last_line(handle)
        return None if line is None else self._entry(line.decode("utf-8", "surrogateescape"), 0)

    def _entry(self, line: str, number: int) -> Entry:
        where = f"line {number}" if number else "the last line"
        try:
            entry = Entry(**json.loads(line))
            if type(entry.number) is not int:
                raise ValueError(f"its number is {entry.number!r}")
        except (ValueError, TypeError) as error:
            raise ArtifactError(f"{self.path}: {where} is damaged ({error})") from None
        return entry


def _line(entry: Entry) -> str:
    return canonical_json(asdict(entry))


def _write(handle: int, entry: Entry) -> None:
    """All of the line or nothing of it.

    Raises:
        ArtifactError: if the disk is full.
    """
    try:
        jsonl.write(handle, [_line(entry)])
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"{JOURNAL}: {entry.version} could not be noted: the disk is full"
        raise ArtifactError(message) from None
