"""What a check found: gaps, changes and notes; one answer for the terminal, JSON and a page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from alignment_dagster.audit.answer import Answer, Node, Table

GAP_TITLES: Mapping[str, str] = {
    "lake": "what lies in the lake",
    "bytes": "bytes",
    "records": "records beside the artifacts",
    "keys": "keys",
    "parents": "parents",
    "collected": "what was collected as garbage",
    "journal": "the study's journal",
    "chains": "what was trained on, step by step",
    "ledgers": "ledgers",
    "numbers": "the report's numbers",
    "reviews": "decisions of reviewers",
    "dagster": "Dagster's events, checks and runs",
    "mlflow": "MLflow's runs, datasets, models and metrics",
}
"""Kind of gap → what it is about, in the order in which they are shown."""


@dataclass(frozen=True)
class Gap:
    """Something that does not fit together."""

    kind: str
    """One of `GAP_TITLES`."""
    subject: str
    """The artifact, file, run or line that it is about."""
    message: str


@dataclass(frozen=True)
class Change:
    """What was edited since the current report was made: named, and no gap."""

    subject: str
    message: str


@dataclass(frozen=True)
class CheckReport:
    """The outcome of a check of one study."""

    study: str
    gaps: tuple[Gap, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    counts: Mapping[str, int]
    """What was looked at: artifacts, files, bytes, chains, documents, numbers, events, …"""
    seconds: float
    head: str = ""
    """Of the journal, to be kept elsewhere; empty where not the whole study was looked at."""

    @property
    def closed(self) -> bool:
        """Whether there is no gap."""
        return not self.gaps

    def answer(self) -> Answer:
        """For a person; the JSON has everything."""
        blocks: list[Node | Table] = [*self._gaps(), *self._changes(), self._counts()]
        return Answer(
            title=f"check of {self.study}",
            sentences=(self._verdict(), *self._ends(), *self.notes),
            blocks=blocks,
            data={
                "study": self.study,
                "closed": self.closed,
                "gaps": [asdict(gap) for gap in self.gaps],
                "changes": [asdict(change) for change in self.changes],
                "notes": list(self.notes),
                "counts": dict(self.counts),
                "journal": self.head,
                "seconds": self.seconds,
            },
            tone="good" if self.closed else "bad",
        )

    def _verdict(self) -> str:
        looked = f"{self.counts.get('artifacts', 0):,} artifacts in {self.seconds:.1f} s"
        if self.closed:
            return f"Closed: everything that is recorded fits together ({looked})."
        subjects = len({gap.subject for gap in self.gaps})
        return f"NOT closed: {len(self.gaps):,} gaps about {subjects:,} things ({looked})."

    def _ends(self) -> tuple[str, ...]:
        if not self.head:
            return ()
        return (f"The journal ends with {self.head} (kept elsewhere, it shows a rollback).",)

    def _gaps(self) -> list[Node]:
        known = [kind for kind in GAP_TITLES if any(gap.kind == kind for gap in self.gaps)]
        return [
            Node(
                GAP_TITLES[kind],
                tone="bad",
                children=[Node(gap.subject, gap.message) for gap in self.gaps if gap.kind == kind],
            )
            for kind in known
        ]

    def _changes(self) -> list[Node]:
        children = [Node(change.subject, change.message) for change in self.changes]
        title = "changed since the current report was made (no gap: the next run takes it up)"
        return [Node(title, children=children)] if children else []

    def _counts(self) -> Table:
        return Table("looked at", ("what", "count"), tuple(self.counts.items()))
