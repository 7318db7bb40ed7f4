"""What was edited since the current report was made: declarations, suites, sources and code.

No gap: the report says what it was made from, and the next run takes up what changed. An artifact
that was made again since, with the same content, stands for the one that the report names, as it
does for a run: an edit that changed nothing is no change.
"""

from collections.abc import Iterator, Mapping, Sequence

from alignment_dagster.audit.check.report import Change
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.lineage.ancestry import ancestry
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.lineage.provenance import Key, Parent

Current = Mapping[tuple[str, str | None], Artifact]
"""Asset and partition → what was made last."""


def changes_since(
    scope: Scope, report: Artifact, current: Current, today: StaleReasons
) -> tuple[Change, ...]:
    """How the declaration, the files and the code of today differ from those behind a report."""
    comparison = Comparison(scope, current, today)
    found: dict[tuple[str, str], list[str]] = {}
    for artifact in comparison.ancestors(report):
        for message in today.of(artifact):
            name = partition_label(artifact.asset, artifact.partition)
            found.setdefault((artifact.asset, message), []).append(name)
    for note in today.unread:
        scope.findings.note(note)
    changes = [Change(_subject(names), message) for (_, message), names in found.items()]
    return (*changes, *comparison.newer.values())


class Comparison:
    """Then and now, for one report."""

    def __init__(self, scope: Scope, current: Current, today: StaleReasons) -> None:
        self.scope = scope
        self.current = current
        self.today = today
        self.newer: dict[Key, Change] = {}
        """Parents that were made again since, with other content."""

    def ancestors(self, report: Artifact) -> list[Artifact]:
        """The report, and what it stands on; what is nearer to it comes first."""
        found = {report.key: report}

        def parents(key: Key) -> Iterator[Key]:
            for parent in self._current_parents(found[key]):
                current = self._current(parent)
                if current is not None:
                    yield found.setdefault(current.key, current).key

        return [found[key] for key in ancestry([report.key], parents)]

    def _current_parents(self, artifact: Artifact) -> Iterator[Parent]:
        """Without the earlier versions that it was compared with: those are to be earlier ones."""
        inputs = artifact.provenance.inputs
        specs = self.today.steps[artifact.asset].parents(self.today.study, inputs.partition)
        earlier = {
            (one.asset, one.partition, one.part) for one in specs if one.selector is not None
        }
        current = {(one.asset, one.partition, one.part) for one in specs if one.selector is None}
        for parent in inputs.parents:
            key = (parent.asset, parent.partition, parent.part)
            if key not in earlier or key in current:
                yield parent
            current.discard(key)

    def _current(self, parent: Parent) -> Artifact | None:
        """What was made last, where it has what was read; else the very parent."""
        last = self.current.get((parent.asset, parent.partition))
        if last is not None:
            content = last.manifest.files.get(parent.part) if parent.part else last.digest
            if content == parent.digest:
                return last
            name = partition_label(parent.asset, parent.partition)
            message = f"was made again since, with other content ({last.version})"
            self.newer[parent.key] = Change(name, message)
        return self.scope.known.get(parent.key)


def _subject(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{names[0].partition('[')[0]} ({len(names)} partitions)"
