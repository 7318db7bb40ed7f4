"""What a study's journal says altogether, verified, and read again only as far as it grew."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from alignment_dagster.foundation import jsonl
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal_lines import (
    ACKNOWLEDGED,
    START,
    STARTED,
    Entry,
    Remark,
    read_line,
    verify_line,
)
from alignment_dagster.lineage.review_records import ReviewRecord
from alignment_dagster.lineage.signing import Keys

Node = tuple[str, str | None]
_known: dict[Path, "History"] = {}
_lock = Lock()


def require_signed(study: str, line: Entry | Remark, error: ArtifactError) -> ArtifactError:
    """That what a journal ends with was not written by a holder of a key, and what to do."""
    return ArtifactError(
        f"journal of {study}: line {line.number} ({line.subject}) {error}, nor does a signed line "
        "follow: an earlier version of this project wrote it, or somebody without the key. Where "
        f"it is known to be right: alignment audit acknowledge {study} --note WHY"
    )


@dataclass
class History:
    """The whole lines of a journal. A line that is not finished is none yet."""

    path: Path
    lines: list[Entry | Remark] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    """Runs and events of Dagster that a person knows to be gone, or not the project's own."""
    started: dict[str, str] = field(default_factory=dict)
    """Run that the training policy asked for → when that was noted first."""
    reviews: dict[tuple[str, int], ReviewRecord] = field(default_factory=dict)
    """Those that some line names, by report and number."""
    _entries: dict[Node, list[Entry]] = field(default_factory=dict)
    _place: tuple[int, int, int] = (0, 0, 0)
    """Of the file when it was read: inode, time of its last change, bytes that were read."""

    @classmethod
    def of(cls, path: Path, keys: Keys) -> "History":
        """As the file is now.

        Raises:
            ArtifactError: names the line that is damaged, or not linked or signed.
        """
        with _lock:
            found = _known.pop(path, None)
            if found is not None and found._grows():
                with suppress(ArtifactError):  # another file may have taken its place
                    found._read_on(keys)
                    _known[path] = found
                    return found
            found = cls(path)
            found._read_on(keys)
            _known[path] = found
            return found

    def current(self, asset: str, partition: str | None) -> Entry | None:
        """The line by which something became current last; None before the first."""
        found = self._entries.get((asset, partition))
        return found[-1] if found else None

    def entries(self, asset: str, partition: str | None) -> Iterator[Entry]:
        """Every line about one partition of an asset, the latest first."""
        return reversed(self._entries.get((asset, partition), []))

    @property
    def head(self) -> str:
        """Number and digest of the last line, to be kept elsewhere."""
        return self.lines[-1].head if self.lines else f"0:{START}"

    def _grows(self) -> bool:
        """Whether the file is the one that was read, with nothing but new lines at its end."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        inode, changed, size = self._place
        return inode == now.st_ino and (
            now.st_size > size or (now.st_size, now.st_mtime_ns) == (size, changed)
        )

    def _read_on(self, keys: Keys) -> None:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return
        texts, end = jsonl.whole_lines(self.path, self._place[2])
        self._place = (now.st_ino, now.st_mtime_ns, end)
        for text in texts:
            self._add(text.decode("utf-8", "surrogateescape"))
        if texts:
            study = self.path.parent.name
            try:
                verify_line(self.lines[-1], study, keys.trusted())
            except ArtifactError as error:
                raise require_signed(study, self.lines[-1], error) from None

    def _add(self, text: str) -> None:
        number = len(self.lines) + 1
        try:
            line = read_line(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise ArtifactError(f"{self.path}: line {number} is damaged ({error})") from None
        expected = self.lines[-1].link if self.lines else START
        if (line.number, line.previous) != (number, expected):
            raise ArtifactError(
                f"{self.path}: line {number} ({line.subject}): a line before it was changed, moved "
                "or taken out"
            )
        self.lines.append(line)
        for one in line.reviews:  # what was said first of a number holds
            self.reviews.setdefault((one.report, one.number), one)
        if isinstance(line, Entry):
            self._entries.setdefault((line.asset, line.partition), []).append(line)
        elif line.said == ACKNOWLEDGED:
            self.acknowledged.update(line.about)
        elif line.said == STARTED:
            for run in line.about:
                self.started.setdefault(run, line.time)
