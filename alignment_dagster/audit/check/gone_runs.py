"""Runs that are gone from Dagster: deleted there, or lost with its database.

No gap where the same artifact was reported again since, by a run that is there, or where a signed
line of the journal acknowledges it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignment_dagster.audit.check.dagster_records import DagsterRecords, Event
from alignment_dagster.audit.check.journal import JournalLine, ReadJournal
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage.provenance import Key


@dataclass(frozen=True)
class Gone:
    """What is settled of them, and which were."""

    scope: Scope
    journal: ReadJournal
    dagster: DagsterRecords
    events: Mapping[Key, Sequence[Event]]
    written: Mapping[Key, Sequence[JournalLine]]
    _again: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)

    def is_settled(self, key: Key, run: str) -> bool:
        """Whether it is no gap that a run which reported an artifact is not in Dagster."""
        if run in self.journal.acknowledged:
            self._known.add(run)
            return True
        told = {event.run_id for event in self.events.get(key, ())} & self.dagster.runs.keys()
        lines = [line.entry for line in self.written.get(key, ())]
        first = min((one.number for one in lines if one.dagster_run_id == run), default=0)
        again = any(one.number > first and one.dagster_run_id in told for one in lines)
        if again:
            self._again.add(run)
        return again

    def say(self) -> None:
        """A note about each kind, with the words of who acknowledged."""
        if self._again:
            self.scope.findings.note(
                f"{len(self._again)} runs are gone from Dagster; what they reported was reported "
                "again since."
            )
        remarks = dict.fromkeys(self.journal.acknowledged[run] for run in sorted(self._known))
        for one in remarks:
            count = sum(run in one.about for run in self._known)
            self.scope.findings.note(
                f"{count} runs are gone from Dagster, acknowledged on {one.time[:10]} in line "
                f"{one.number} of the journal: {one.note}"
            )
