"""The study's journal: its chain, and that it says of artifacts what the lake says."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal import JOURNAL, START, Entry
from alignment_dagster.lineage.lake import label
from alignment_dagster.lineage.provenance import Key


@dataclass(frozen=True)
class JournalLine:
    """An entry that can be read, and how it is called."""

    entry: Entry
    name: str


def read_journal(scope: Scope) -> list[JournalLine]:
    """The lines that can be read; where the chain does not hold, or a line is damaged, is a gap."""
    path = scope.archive.lake.journal(scope.study).path
    if not path.exists():
        scope.findings.gap("journal", JOURNAL, "is missing")
        return []
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    whole, _, rest = text.rpartition("\n")
    if rest:
        scope.findings.note(f"{JOURNAL}: the last line was left unfinished, as by a power cut.")
    lines: list[JournalLine] = []
    expected: str | None = START
    for number, line in enumerate(whole.split("\n") if whole else (), 1):
        entry = _read_entry(scope.findings, line, number)
        if entry is None:
            expected = None
            continue
        lines.append(
            JournalLine(entry, f"{JOURNAL} line {number} ({entry.asset}, {entry.version})")
        )
        _check_link(scope.findings, lines[-1], number, expected)
        if len(lines) > 1 and str(entry.time) < str(lines[-2].entry.time):
            scope.findings.gap(
                "journal", lines[-1].name, "is older than the line above: one was moved"
            )
        expected = entry.link
    scope.findings.counts["journal lines"] += len(lines)
    return lines


def _read_entry(findings: Findings, line: str, number: int) -> Entry | None:
    try:
        entry = Entry(**json.loads(line))
        _ = entry.link
        return entry
    except (ValueError, TypeError, RecursionError) as error:
        findings.gap("journal", f"{JOURNAL} line {number}", f"is damaged ({error})")
        return None


def _check_link(findings: Findings, line: JournalLine, number: int, expected: str | None) -> None:
    if line.entry.number != number:
        said = f"is numbered {line.entry.number}: a line is missing or was moved"
        findings.gap("journal", line.name, said)
    elif expected is not None and line.entry.previous != expected:
        findings.gap("journal", line.name, "the line before it was changed, moved or taken out")


def check_entries(scope: Scope, lines: Collection[JournalLine], there: Collection[Key]) -> None:
    """Each entry's artifact exists, with that digest and that record; what was used has a line."""
    told: set[Key] = set()
    for line in lines:
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
