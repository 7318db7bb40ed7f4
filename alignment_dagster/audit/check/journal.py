"""The study's journal: chain, signatures, and that it says of artifacts what the lake does."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal import JOURNAL
from alignment_dagster.lineage.journal_lines import (
    ACKNOWLEDGED,
    START,
    Entry,
    Head,
    Remark,
    read_line,
    verify_line,
)
from alignment_dagster.lineage.lake import label
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.review_records import ReviewRecord


@dataclass(frozen=True)
class JournalLine:
    """An entry that can be read, and how it is called."""

    entry: Entry
    name: str


@dataclass(frozen=True)
class ReadJournal:
    """The lines that can be read."""

    lines: Sequence[JournalLine] = ()
    """Those by which an artifact became current."""
    remarks: Sequence[Remark] = ()
    reviews: Sequence[ReviewRecord] = ()
    """Those that some line names."""
    head: str = f"0:{START}"
    signed: bool = True
    """Whether its end is."""
    links: Mapping[int, str] = field(default_factory=dict)
    """Number → digest of the line."""

    @cached_property
    def acknowledged(self) -> Mapping[str, Remark]:
        """Runs and events of Dagster that a person knows to be gone, or not the project's own."""
        known = (one for one in self.remarks if one.said == ACKNOWLEDGED)
        return {name: one for one in known for name in one.about}

    def about(self, there: Collection[Key]) -> "ReadJournal":
        """With the lines about these artifacts alone."""
        lines = [line for line in self.lines if line.entry.key in there]
        return replace(self, lines=lines)


def read_journal(scope: Scope) -> ReadJournal:
    """What can be read; a link or signature that does not hold, or a damaged line, is a gap."""
    path = scope.archive.lake.journal(scope.study).path
    if not path.exists():
        scope.findings.gap("journal", JOURNAL, "is missing")
        return ReadJournal()
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    whole, _, rest = text.rpartition("\n")
    if rest:
        scope.findings.note(f"{JOURNAL}: the last line was left unfinished, as by a power cut.")
    found = list(_linked(scope.findings, whole.split("\n") if whole else ()))
    signed = _check_signatures(scope, found)
    _note_keys(scope, [line for _, line in found])
    scope.findings.counts["journal lines"] += len(found)
    return ReadJournal(
        [JournalLine(line, _name(line, number)) for number, line in found if type(line) is Entry],
        [line for _, line in found if isinstance(line, Remark)],
        [one for _, line in found for one in line.reviews],
        found[-1][1].head if found else f"0:{START}",
        signed,
        {line.number: line.link for _, line in found},
    )


def _linked(findings: Findings, texts: Sequence[str]) -> Iterator[tuple[int, Entry | Remark]]:
    """The lines with the numbers that they should have."""
    before: Entry | Remark | None = None
    expected: str | None = START
    for number, text in enumerate(texts, 1):
        line = _read_line(findings, text, number)
        if line is None:
            expected = None
            continue
        name = _name(line, number)
        if line.number != number:
            said = f"is numbered {line.number}: a line is missing or was moved"
            findings.gap("journal", name, said)
        elif expected is not None and line.previous != expected:
            findings.gap("journal", name, "the line before it was changed, moved or taken out")
        older = before is not None and line.time < before.time
        findings.gap_if(older, "journal", name, "is older than the line above: one was moved")
        before, expected = line, line.link
        yield number, line


def _name(line: Entry | Remark, number: int) -> str:
    return f"{JOURNAL} line {number} ({line.subject})"


def _read_line(findings: Findings, text: str, number: int) -> Entry | Remark | None:
    try:
        line = read_line(text)
        _ = line.link
        return line
    except (ValueError, TypeError, RecursionError) as error:
        findings.gap("journal", f"{JOURNAL} line {number}", f"is damaged ({error})")
        return None


def _check_signatures(scope: Scope, found: Sequence[tuple[int, Entry | Remark]]) -> bool:
    """Each line is signed; for one that is not, an acknowledgement right behind it may stand.

    Returns:
        Whether the last one is.
    """
    try:
        trusted = scope.archive.lake.keys.trusted()
    except ArtifactError:
        return True  # a gap of the keys already
    vouched, signed = False, True
    for number, line in reversed(found):
        try:
            verify_line(line, scope.study, trusted)
            vouched = isinstance(line, Remark) and line.said == ACKNOWLEDGED
        except ArtifactError as error:
            signed = signed and line is not found[-1][1]
            gap = not vouched or bool(line.signature)
            scope.findings.gap_if(gap, "journal", _name(line, number), str(error))
            if not gap:
                scope.findings.counts["journal lines not signed, and acknowledged"] += 1
    return signed


def _note_keys(scope: Scope, lines: Sequence[Entry | Remark]) -> None:
    """Since when another key signs is said: a lost one was replaced, or another machine began."""
    first = {line.signed_by: line for line in reversed(lines) if line.signed_by}
    for line in sorted(first.values(), key=lambda one: one.number)[1:]:
        scope.findings.note(
            f"another key signs in the journal from line {line.number} on "
            f"({line.time[:10]}): {line.signed_by[:16]}."
        )


def check_head(scope: Scope, journal: ReadJournal, since: Head) -> None:
    """The journal still holds the line that somebody kept elsewhere, and goes on from there."""
    line = f"{JOURNAL} line {since.number}"
    there = journal.links.get(since.number, START if since.number == 0 else None)
    if there is None:
        message = f"is not there, and was when {since.digest[:16]} was kept: its end was cut off"
        scope.findings.gap("journal", line, message)
    elif not there.startswith(since.digest):
        message = f"has another digest than the kept {since.digest[:16]}: it was written anew"
        scope.findings.gap("journal", line, message)


def check_entries(scope: Scope, journal: ReadJournal, there: Collection[Key]) -> None:
    """Each entry's artifact exists, with that digest and that record; what was used has a line."""
    told: set[Key] = set()
    for line in journal.lines:
        entry = line.entry
        key = entry.key
        told.add(key)
        artifact = scope.artifacts.get(key)
        if artifact is None:
            if key not in there:
                name = label(*key)
                scope.findings.gap("journal", line.name, f"{name} is not in the lake (any more)")
            continue
        message = f"says another digest than the manifest of {artifact.label}"
        scope.findings.gap_if(entry.digest != artifact.digest, "journal", line.name, message)
        try:
            wrong = entry.record != artifact.record
        except ArtifactError:
            continue  # a gap of its records already
        message = f"says another record than the statement of {artifact.label}"
        scope.findings.gap_if(wrong, "journal", line.name, message)
    for key in scope.artifacts:
        message = "was used, and the journal has no line for it"
        missing = key not in told and key in scope.children
        scope.findings.gap_if(missing, "journal", label(*key), message)
