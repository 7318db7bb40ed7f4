"""Staleness, the only place that decides it: whether an artifact is what its inputs would give now.

`Staleness` reads the records alone: automation conditions ask every half minute, and the run
that follows verifies. `VerifiedStaleness`, which `alignment run` asks, verifies every byte before
it says that nothing has to run. `stale_reasons` says in words what differs.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from alignment_dagster.chain import RAW_CORPUS
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.current import Current, find_current
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.graph.parents import resolve
from alignment_dagster.graph.step import Step
from alignment_dagster.graph.unfinished_runs import InProgress, in_progress
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.study import Study

Node = tuple[str, Partition]
REMEMBERED_SECONDS = 3600.0
"""What lies outside the lake (word lists, items) is read again after so long."""


@dataclass(frozen=True)
class _Verdict:
    """Whether an artifact was made from what its inputs were, when that was last found out."""

    study: Study
    about: tuple[object, ...]
    at: float
    same: bool

    def holds(self, study: Study, about: tuple[object, ...]) -> bool:
        fresh = self.at > time.monotonic() - REMEMBERED_SECONDS
        return self.study is study and self.about == about and fresh


_verdicts: dict[tuple[Path, str, str, Partition], _Verdict] = {}
"""The last one of each partition: finding out means to read word lists and items."""


class Staleness:
    """One look at a study: every version and every run is read once."""

    def __init__(
        self, instance: dg.DagsterInstance, lake: Lake, study: Study, steps: Mapping[str, Step]
    ) -> None:
        self.instance = instance
        self.lake = lake
        self.study = study
        self.steps = steps
        self._current: dict[Node, Current | None] = {}
        self._artifacts: dict[tuple[str, Partition, str], Artifact] = {}
        self._settled: dict[Node, bool] = {}
        self._in_progress: InProgress | None = None

    def is_due(self, step: Step, partition: Partition) -> bool:
        """Whether it can be made, and was not made from its inputs as they are now.

        What failed a check with these very inputs is not due: it would fail again.
        """
        return self._parents_settled(step, partition) and not self._is_current(step, partition)

    def is_settled(self, asset: str, partition: Partition) -> bool:
        """Whether it is there, passed its blocking checks, and nothing before it is due.

        A source is settled once it has been read: whether it changed since is for the looks.
        """
        node = (asset, partition)
        if node not in self._settled:
            self._settled[node] = self._settle(self.steps[asset], partition)
        return self._settled[node]

    def is_idle(self, step: Step, partition: Partition) -> bool:
        """Whether no unfinished run makes it, or anything that it reads."""
        current = self._current_specs(step, partition)
        nodes = {(spec.asset, spec.partition) for spec in current}
        nodes |= {(name, partition) for name in step.selects}
        return not nodes & self.in_progress

    @property
    def in_progress(self) -> InProgress:
        """What unfinished runs of the study make."""
        if self._in_progress is None:
            self._in_progress = in_progress(self.instance, self.study.name)
        return self._in_progress

    def artifact(self, asset: str, partition: Partition) -> Artifact | None:
        """The current one, by its records; None where there is none (or it is damaged)."""
        version = self.version(asset, partition)
        return None if version is None else self._peek(asset, partition, version)

    def version(self, asset: str, partition: Partition) -> str | None:
        """The current version.

        Raises:
            ArtifactError: if journal and Dagster contradict each other.
        """
        found = self._find(asset, partition)
        return found.version if found else None

    def _find(self, asset: str, partition: Partition) -> Current | None:
        node = (asset, partition)
        if node not in self._current:
            self._current[node] = find_current(
                self.instance, self.lake, self.study.name, asset, partition
            )
        return self._current[node]

    def input_digest(
        self,
        step: Step,
        partition: Partition,
        external_inputs: Mapping[str, str] | None = None,
    ) -> str | None:
        """The digest of its inputs as they are now, of the parents that there are.

        None where something outside the lake cannot be read; `external_inputs` were read already.
        """
        parents = self._parents(step, partition)
        return self._digest(step, partition, parents, external_inputs)

    def is_made_from(
        self, step: Step, partition: Partition, external_inputs: Mapping[str, str]
    ) -> bool:
        """Whether the current artifact was made from these and the parents as they are now."""
        found = self.artifact(step.asset, partition)
        digest = self.input_digest(step, partition, external_inputs)
        return found is not None and found.provenance.input_digest == digest

    def _settle(self, step: Step, partition: Partition) -> bool:
        found = self.artifact(step.asset, partition)
        if found is None or found.provenance.failed:
            return False
        if step.asset == RAW_CORPUS:
            return True
        return self._parents_settled(step, partition) and self._is_current(step, partition)

    def _parents_settled(self, step: Step, partition: Partition) -> bool:
        current = self._current_specs(step, partition)
        return all(self.is_settled(spec.asset, spec.partition) for spec in current)

    def _current_specs(self, step: Step, partition: Partition) -> Iterable[ParentSpec]:
        """The parents that make it due: not those of an earlier time."""
        return [spec for spec in step.parents(self.study, partition) if spec.selector is None]

    def _is_current(self, step: Step, partition: Partition) -> bool:
        """Whether it was made from its parents as they are now, and the rest as last looked at.

        What Dagster does not know of is reported again.
        """
        found = self.artifact(step.asset, partition)
        current = self._find(step.asset, partition)
        if found is None or current is None or not current.reported:
            return False
        parents = self._parents(step, partition)
        about = (found.version, parents.records())
        place = (self.lake.root, self.study.name, step.asset, partition)
        known = _verdicts.get(place)
        if known is None or not known.holds(self.study, about):
            same = self._digest(step, partition, parents) == found.provenance.input_digest
            known = _verdicts[place] = _Verdict(self.study, about, time.monotonic(), same)
        return known.same

    def _digest(
        self,
        step: Step,
        partition: Partition,
        parents: Parents,
        external_inputs: Mapping[str, str] | None = None,
    ) -> str | None:
        try:
            return step.inputs(self.study, partition, parents, external_inputs).digest
        except AlignmentError:
            return None  # the run that follows says why

    def _parents(self, step: Step, partition: Partition) -> Parents:
        found = []
        for spec in step.parents(self.study, partition):
            version = (
                self.version(spec.asset, spec.partition)
                if spec.selector is None
                else spec.selector(self.instance, self.lake, self.study.name, spec)
            )
            artifact = self._peek(spec.asset, spec.partition, version) if version else None
            if artifact is not None:
                found.append((spec, artifact))
        return Parents(tuple(found))

    def _peek(self, asset: str, partition: Partition, version: str) -> Artifact | None:
        key = (asset, partition, version)
        if key not in self._artifacts:
            try:
                self._artifacts[key] = self.lake.read(self.study.name, *key)
            except AlignmentError:
                return None  # whoever reads it says why
        return self._artifacts[key]


class VerifiedStaleness:
    """The same question with every byte verified; what was verified is not verified again."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake, study: Study) -> None:
        self.instance = instance
        self.lake = lake
        self.study = study
        self._opened: dict[tuple[str, Partition, str], Artifact] = {}
        self._current: dict[Node, Current | None] = {}

    def forget_versions(self) -> None:
        """To be told when something was made."""
        self._current.clear()

    def stale(self, steps: Sequence[Step], partition: Partition) -> tuple[Step, ...]:
        """The steps from the first one on that has to run; empty where none has.

        Raises:
            ArtifactError: if a current artifact or a parent was altered.
        """
        for index, step in enumerate(steps):
            if not self.is_current(step, partition):
                return tuple(steps[index:])
        return ()

    def is_current(self, step: Step, partition: Partition) -> bool:
        """Whether the current artifact was made from the inputs as they are now.

        What Dagster does not know of is reported again.
        """
        name = self.study.name
        current = self._find(step.asset, partition)
        if current is None or not current.reported:
            return False
        version = current.version
        if not self.lake.has(name, step.asset, partition, version):
            return False
        artifact = self.lake.open(name, step.asset, partition, version)
        self._opened[(step.asset, partition, version)] = artifact
        if artifact.provenance.failed:
            return False
        specs = step.parents(self.study, partition)
        parents = resolve(self.instance, self.lake, name, specs, self._opened, self._version)
        return (
            step.inputs(self.study, partition, parents).digest == artifact.provenance.input_digest
        )

    def _version(self, asset: str, partition: Partition) -> str | None:
        found = self._find(asset, partition)
        return found.version if found else None

    def _find(self, asset: str, partition: Partition) -> Current | None:
        node = (asset, partition)
        if node not in self._current:
            self._current[node] = find_current(
                self.instance, self.lake, self.study.name, asset, partition
            )
        return self._current[node]
