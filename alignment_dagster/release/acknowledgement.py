"""A signed word that what Dagster lacks, or has and nobody here wrote, is known to a person.

It takes nothing away: the check notes it from then on, with its reason, where it named a gap.
"""

from dataclasses import dataclass

from alignment_dagster.audit.check.dagster_records import DagsterRecords
from alignment_dagster.audit.check.events import VERSION, read_dagster
from alignment_dagster.audit.check.journal import ReadJournal, read_journal
from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.audit.check.survey import survey
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.journal_lines import ACKNOWLEDGED, Entry, NewRemark, Remark
from alignment_dagster.lineage.reviews.review import LONGEST_NOTE


@dataclass(frozen=True)
class Acknowledged:
    """What was found, and the line that says so."""

    line: Entry | Remark
    runs: tuple[str, ...]
    """Those that the journal or an artifact names, and Dagster does not have (any more)."""
    events: tuple[str, ...]
    """Those of Dagster that no line of the journal stands for."""
    unsigned: bool
    """Whether the journal's end was not signed."""


def acknowledge(archive: Archive, home: Home, note: str) -> Acknowledged:
    """Look for all of it, and write it down with its reason, as a signed line of the journal.

    Raises:
        AlignmentError: if no reason is given, or there is nothing to acknowledge.
    """
    if not note.strip() or len(note) > LONGEST_NOTE:
        raise AlignmentError(f"--note: say why, in at most {LONGEST_NOTE:,} characters")
    with archive.lake.shared_lock(archive.study):
        found = Findings()
        artifacts = survey(archive, found)
        scope = Scope(archive, home, artifacts, artifacts, found, {})
        journal = read_journal(scope)
        dagster = read_dagster(scope, journal)
        runs, events = _gone_runs(scope, journal, dagster), _foreign_events(journal, dagster)
        unsigned = not journal.signed
        if not (runs or events or unsigned):
            raise AlignmentError(
                f"study {archive.study!r}: nothing to acknowledge: Dagster has every run that the "
                "journal names, and no event but those that it stands for"
            )
        remark = NewRemark(ACKNOWLEDGED, (*runs, *events), note)
        line = archive.lake.journal(archive.study).append(remark)
        return Acknowledged(line, runs, events, unsigned)


def _gone_runs(scope: Scope, journal: ReadJournal, dagster: DagsterRecords) -> tuple[str, ...]:
    named = {line.entry.dagster_run_id for line in journal.lines}
    named |= {one.provenance.dagster_run_id or "" for one in scope.artifacts.values()}
    return tuple(sorted(named - dagster.runs.keys() - journal.acknowledged.keys()))


def _foreign_events(journal: ReadJournal, dagster: DagsterRecords) -> tuple[str, ...]:
    told = {(*line.entry.key, line.entry.dagster_run_id) for line in journal.lines}
    return tuple(
        event.name
        for event in dagster.events
        if event.name not in journal.acknowledged
        and (event.asset, event.partition, str(event.metadata.get(VERSION)), event.run_id)
        not in told
    )
