"""The journal of a study: one line for every time that an artifact became current, in order.

Each line carries the digest of the line before, so that a line cannot be taken out or changed
without breaking all that follow. `current` is what the last line of a partition says.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from alignment_dagster.digests import canonical_json, sha256_text
from alignment_dagster.errors import ArtifactError

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
    def link(self) -> str:
        """Hex SHA-256 of this line."""
        return sha256_text(canonical_json(asdict(self)))


@dataclass(frozen=True)
class Became:
    """What is to be written down; number, time and link are the journal's."""

    asset: str
    partition: str | None
    version: str
    digest: str
    record: str
    dagster_run_id: str
    reused: bool


class Journal:
    """The journal at `<lake>/<study>/journal.jsonl`; appended to under a lock, never rewritten."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL

    def append(self, became: Became) -> Entry:
        """Write the next line and bring it to the disk.

        Raises:
            ArtifactError: if the last line is damaged.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            last = self._last(handle)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            entry = Entry(
                number=last.number + 1 if last else 1,
                time=max(now, last.time) if last else now,
                previous=last.link if last else START,
                **asdict(became),
            )
            os.write(handle, (canonical_json(asdict(entry)) + "\n").encode("utf-8"))
            os.fsync(handle)
            return entry
        finally:
            os.close(handle)

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

    def breaks(self) -> list[str]:
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
        size = os.fstat(handle).st_size
        with open(self.path, "rb") as lines:
            lines.seek(max(0, size - (1 << 16)))
            tail = lines.read()
        whole, _, rest = tail.rpartition(b"\n")
        if rest:
            os.ftruncate(handle, size - len(rest))
        if not whole:
            return None
        return self._entry(whole.rsplit(b"\n", 1)[-1].decode("utf-8", "surrogateescape"), 0)

    def _entry(self, line: str, number: int) -> Entry:
        where = f"line {number}" if number else "the last line"
        try:
            entry = Entry(**json.loads(line))
            if type(entry.number) is not int:
                raise ValueError(f"its number is {entry.number!r}")
        except (ValueError, TypeError) as error:
            raise ArtifactError(f"{self.path}: {where} is damaged ({error})") from None
        return entry
