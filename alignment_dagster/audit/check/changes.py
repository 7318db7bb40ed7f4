"""What was edited since the current report was made: declarations, suites, sources and code.

No gap: the report says what it was made from, and the next run takes up what changed. An artifact
that was made again since, with the same content, stands for the one that the report names, as it
does for a run: an edit that changed nothing is no change.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster.audit.check.differences import first_difference
from alignment_dagster.audit.check.report import Change
from alignment_dagster.audit.check.scope import Scope, key_of, parent_key
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage.archive import Key
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.provenance import Parent
from alignment_dagster.lineage.source_digest import code_digest
from alignment_dagster.study import Study

Current = Mapping[tuple[str, str | None], Artifact]
"""Asset and partition → what was made last."""


def changes_since(
    scope: Scope, report: Artifact, current: Current, study: Study
) -> tuple[Change, ...]:
    """How the declaration, the files and the code of today differ from those behind a report."""
    comparison = Comparison(scope, current, study)
    found: dict[tuple[str, str], list[str]] = {}
    for artifact in comparison.closure(report):
        for message in comparison.changed(artifact):
            found.setdefault((artifact.asset, message), []).append(_name(artifact))
    changes = [Change(_together(names), message) for (_, message), names in found.items()]
    return (*changes, *comparison.newer.values())


class Comparison:
    """Then and now, for one report."""

    def __init__(self, scope: Scope, current: Current, study: Study) -> None:
        from alignment_dagster.running.plan import WAVES
        from alignment_dagster.steps.marts import COMPOSITION, DOCUMENTS

        steps = (step for wave in WAVES for step in (*wave, DOCUMENTS, COMPOSITION))
        self.scope = scope
        self.current = current
        self.study = study
        self.steps = {step.asset: step for step in steps}
        self.newer: dict[Key, Change] = {}
        """Parents that were made again since, with other content."""
        self._outside: dict[tuple[str, str | None], Mapping[str, str]] = {}

    def closure(self, report: Artifact) -> Iterator[Artifact]:
        """The report, and what it stands on."""
        seen: set[Key] = set()
        waiting = [report]
        while waiting:
            artifact = waiting.pop(0)
            if key_of(artifact) not in seen:
                seen.add(key_of(artifact))
                yield artifact
                parents = self._current_parents(artifact)
                waiting += [one for one in map(self._today, parents) if one is not None]

    def _current_parents(self, artifact: Artifact) -> Iterator[Parent]:
        """Without the earlier versions that it was compared with: those are to be earlier ones."""
        inputs = artifact.provenance.inputs
        wants = self.steps[artifact.asset].wants(self.study, inputs.partition)
        earlier = {(one.asset, one.partition, one.part) for one in wants if one.which is not None}
        current = {(one.asset, one.partition, one.part) for one in wants if one.which is None}
        for parent in inputs.parents:
            key = (parent.asset, parent.partition, parent.part)
            if key not in earlier or key in current:
                yield parent
            current.discard(key)

    def _today(self, parent: Parent) -> Artifact | None:
        """What was made last, where it has what was read; else the very parent."""
        last = self.current.get((parent.asset, parent.partition))
        if last is not None:
            content = last.manifest.files.get(parent.part) if parent.part else last.digest
            if content == parent.digest:
                return last
            name = label(parent.asset, parent.partition, "")[:-1]
            message = f"was made again since, with other content ({last.version})"
            self.newer[parent_key(parent)] = Change(name, message)
        return self.scope.known.get(parent_key(parent))

    def changed(self, artifact: Artifact) -> Iterator[str]:
        """What a run would find to be other than it was."""
        step, inputs = self.steps[artifact.asset], artifact.provenance.inputs
        if code_digest(*step.code) != inputs.code:
            commit = artifact.provenance.git.get("commit", "unknown")[:12]
            yield f"its code is another than when it was made (at commit {commit})"
        partitions = step.partitions(self.study)
        if not step.exists(self.study) or (partitions and inputs.partition not in partitions):
            yield "is not declared any more"
            return
        today = step.declared(self.study, inputs.partition)
        if differs := first_difference(artifact.provenance.declared, today):
            yield f"declaration: {differs}"
        yield from self._wanted(step, inputs.partition, inputs.parents)
        yield from self._read(step, artifact)

    def _wanted(self, step: Any, partition: str | None, parents: Sequence[Parent]) -> Iterator[str]:
        """Other parents than it was made from."""
        then = [(one.asset, one.partition, one.part) for one in parents]
        now = [(one.asset, one.partition, one.part) for one in step.wants(self.study, partition)]
        for asset, at, _ in now:
            if (asset, at) not in {key[:2] for key in then}:
                yield f"{label(asset, at, '')[:-1]} is declared, and it was made without"
        for asset, at, _ in then:
            if (asset, at) not in {key[:2] for key in now}:
                yield f"{label(asset, at, '')[:-1]} is not declared any more, and was read"
        if sorted(then, key=str) == sorted(now, key=str) and then != now:
            yield "what it is made from is declared in another order"

    def _read(self, step: Any, artifact: Artifact) -> Iterator[str]:
        """Files outside the lake; only of a source do they depend on the partition."""
        inputs = artifact.provenance.inputs
        key = (artifact.asset, inputs.partition if artifact.asset == "raw_corpus" else None)
        try:
            if key not in self._outside:
                self._outside[key] = step.outside(self.study, inputs.partition)
        except AlignmentError as error:
            note = f"{_name(artifact)}: not compared with the files of today: {error}"
            self.scope.found.note(note)
            return
        today = self._outside[key]
        for name in sorted(inputs.outside.keys() | today.keys()):
            if inputs.outside.get(name) != today.get(name):
                yield self._other_content(artifact, name)

    def _other_content(self, artifact: Artifact, name: str) -> str:
        if artifact.asset == "raw_corpus":
            return f"source {artifact.partition}: its files have other content"
        if name in {suite.name for suite in self.study.suites}:
            return f"suite {name}: its items have other content"
        if artifact.asset == "scored_corpus":
            return f"scorer {name}: the word list or the items that it reads have other content"
        return f"{name}: has other content"


def _name(artifact: Artifact) -> str:
    return label(artifact.asset, artifact.partition, "")[:-1]


def _together(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{names[0].partition('[')[0]} ({len(names)} partitions)"
