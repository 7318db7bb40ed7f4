"""The journal of a study: one line for every time that an artifact became current, in order.

It says what is current. Each line carries the digest of the line before, so that a line cannot be
taken out or changed without breaking all that follow, and is signed, so that nobody without the key
can write one. That its end was cut off it cannot say: `Line.head`, kept elsewhere, does.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from alignment_dagster.foundation import jsonl
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.locks import file_lock
from alignment_dagster.lineage.journal_history import History, require_signed
from alignment_dagster.lineage.journal_lines import (
    ACKNOWLEDGED,
    START,
    Entry,
    NewEntry,
    NewRemark,
    Remark,
    read_line,
    sign,
    verify_line,
)
from alignment_dagster.lineage.review_records import last_reviews
from alignment_dagster.lineage.signing import Keys

JOURNAL = "journal.jsonl"


class SharedLines(Protocol):
    """The same journal where other machines write to it too: each number is given once."""

    def get(self, number: int) -> str | None:
        """The line of that number; None where there is none yet."""

    def put(self, number: int, line: str) -> bool:
        """Whether this line has that number now; the key that signed it is there before it."""

    def pull_keys(self) -> None:
        """Bring the public keys of other machines."""


class Journal:
    """The journal at `<lake>/<study>/journal.jsonl`; appended to under a lock, never rewritten.

    Where it is shared, a line is written there first, and this file is a copy of it.
    """

    def __init__(self, folder: Path, keys: Keys, shared: SharedLines | None = None) -> None:
        self.path = folder / JOURNAL
        self.keys = keys
        self.shared = shared

    @property
    def study(self) -> str:
        """Whose journal it is."""
        return self.path.parent.name

    def append(self, new: NewEntry | NewRemark) -> Entry | Remark:
        """Sign and write the next line, and bring it to the disk.

        Raises:
            ArtifactError: if the last line is damaged or not signed (an acknowledgement may follow
                such a line), or the shared journal cannot be written to.
        """
        signer = self.keys.signer()
        with self._locked() as handle:
            while True:
                last = self._caught_up(handle)
                if last is not None and not _acknowledges(new):
                    self._require_signed(last)
                line = sign(self._next(new, last), self.study, signer)
                if self.shared is None or self.shared.put(line.number, line.text):
                    _write(handle, line)
                    return line

    def _next(self, new: NewEntry | NewRemark, last: Entry | Remark | None) -> Entry | Remark:
        """The line without its signature."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        found = tuple(last_reviews(self.path.parent))
        if found:
            # An acknowledgement may follow lines that do not hold.
            lines = self.lines() if _acknowledges(new) else self.history().lines
            told = {(one.report, one.number) for line in lines for one in line.reviews}
            found = tuple(one for one in found if (one.report, one.number) not in told)
        kind = Entry if isinstance(new, NewEntry) else Remark
        return kind(
            number=last.number + 1 if last else 1,
            time=max(now, last.time) if last else now,
            previous=last.link if last else START,
            reviews=found,
            **asdict(new),
        )

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

    def _caught_up(self, handle: int) -> Entry | Remark | None:
        """The last line, after those of other machines were copied."""
        last = self._last(handle)
        if self.shared is None:
            return last
        if last is not None:
            self._agree(last, self.shared)
        number = last.number + 1 if last else 1
        while (text := self.shared.get(number)) is not None:
            line = self._read(text, number)
            if (line.number, line.previous) != (number, last.link if last else START):
                raise ArtifactError(f"{self.path}: line {number} of the store does not continue it")
            _write(handle, line)
            last, number = line, number + 1
        return last

    def _agree(self, last: Entry | Remark, shared: SharedLines) -> None:
        """The shared journal has the last line, or else gets all that it lacks."""
        there = shared.get(last.number)
        if there == last.text:
            return
        lines = [last] if there is not None else self.lines()
        for line in lines:
            if not shared.put(line.number, line.text):
                message = f"line {line.number} of the store is another one: they were begun apart"
                raise ArtifactError(f"{self.path}: {message}")

    def _require_signed(self, last: Entry | Remark) -> None:
        """Nothing is added to what somebody without the key wrote."""
        if self.shared is not None and last.signed_by not in self.keys.trusted():
            self.shared.pull_keys()
        try:
            verify_line(last, self.study, self.keys.trusted())
        except ArtifactError as error:
            raise require_signed(self.study, last, error) from None

    def lines(self) -> Iterator[Entry | Remark]:
        """The lines in order, as they are written.

        Raises:
            ArtifactError: names the line that is no entry.
        """
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, 1):
                yield self._read(line, number)

    def entries(self) -> Iterator[Entry]:
        """The lines that say what became current, as they are written.

        Raises:
            ArtifactError: names the line that is no entry.
        """
        return (line for line in self.lines() if isinstance(line, Entry))

    def history(self) -> History:
        """What the whole lines say, verified: every link, and the last signature.

        Raises:
            ArtifactError: names the line that is damaged, or not linked or signed.
        """
        try:
            return History.of(self.path, self.keys)
        except ArtifactError:
            if self.shared is None:
                raise
            self.shared.pull_keys()  # another machine's may have signed
            return History.of(self.path, self.keys)

    def current(self, asset: str, partition: str | None) -> str | None:
        """The version that became current last; None before the first.

        Raises:
            ArtifactError: as `history`.
        """
        found = self.history().current(asset, partition)
        return found.version if found else None

    def _last(self, handle: int) -> Entry | Remark | None:
        """The last whole line; a line that a power cut left unfinished is cut off."""
        line = jsonl.last_line(handle)
        return None if line is None else self._read(line.decode("utf-8", "surrogateescape"), 0)

    def _read(self, text: str, number: int) -> Entry | Remark:
        where = f"line {number}" if number else "the last line"
        try:
            return read_line(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise ArtifactError(f"{self.path}: {where} is damaged ({error})") from None


def _acknowledges(new: NewEntry | NewRemark) -> bool:
    return isinstance(new, NewRemark) and new.said == ACKNOWLEDGED


def _write(handle: int, line: Entry | Remark) -> None:
    """All of the line or nothing of it.

    Raises:
        ArtifactError: if the disk is full.
    """
    try:
        jsonl.write(handle, [line.text])
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"{JOURNAL}: {line.subject} could not be noted: the disk is full"
        raise ArtifactError(message) from None
