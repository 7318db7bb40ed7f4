"""What of a study is next: its parents are settled, and it is not what they would give now.

Other than `Currency`, which verifies every byte before it says that nothing has to run, this reads
the records alone: it is asked every half minute, and the run that follows verifies.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dagster as dg

from alignment_dagster.steps import marts, raw_corpus
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.parents import current_version
from alignment_dagster.graph.step import Parents, Partition, Step, Wanted
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.running.plan import WAVES
from alignment_dagster.graph.unfinished_runs import Making, being_made
from alignment_dagster.study import Study

Node = tuple[str, Partition]
REMEMBERED_SECONDS = 3600.0
"""What lies outside the lake (word lists, items) is read again after so long."""


@cache
def steps() -> dict[str, Step]:
    """Every asset that leaves an artifact, by name."""
    also = (marts.DOCUMENTS, marts.COMPOSITION)
    return {step.asset: step for step in (*(s for wave in WAVES for s in wave), *also)}


def step_of(asset: str) -> Step | None:
    """The step that makes an asset: the dbt models of one part are made together."""
    own = {name: step for step in steps().values() for name in step.also}
    return own.get(asset) or steps().get(asset)


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


class Frontier:
    """One look at a study: every version and every run is read once."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake, study: Study) -> None:
        self.instance = instance
        self.lake = lake
        self.study = study
        self._versions: dict[Node, str | None] = {}
        self._artifacts: dict[tuple[str, Partition, str], Artifact] = {}
        self._settled: dict[Node, bool] = {}
        self._making: Making | None = None

    def is_due(self, step: Step, partition: Partition) -> bool:
        """Whether it can be made, and was not made from its inputs as they are now.

        What failed a check with these very inputs is not due: it would fail again.
        """
        return self._parents_settled(step, partition) and not self._is_made_from(step, partition)

    def is_settled(self, asset: str, partition: Partition) -> bool:
        """Whether it is there, passed its blocking checks, and nothing before it is due.

        A source is settled once it has been read: whether it changed since is for the looks.
        """
        node = (asset, partition)
        if node not in self._settled:
            self._settled[node] = self._settle(steps()[asset], partition)
        return self._settled[node]

    def is_idle(self, step: Step, partition: Partition) -> bool:
        """Whether no unfinished run makes it, or anything that it reads."""
        wanted = self._wanted(step, partition)
        nodes = {(item.asset, item.partition) for item in wanted}
        nodes |= {(name, partition) for name in step.selects}
        return not nodes & self.making

    @property
    def making(self) -> Making:
        """What unfinished runs of the study make."""
        if self._making is None:
            self._making = being_made(self.instance, self.study.name)
        return self._making

    def artifact(self, asset: str, partition: Partition) -> Artifact | None:
        """The current one, by its records; None where there is none (or it is damaged)."""
        version = self.version(asset, partition)
        return None if version is None else self._peek(asset, partition, version)

    def version(self, asset: str, partition: Partition) -> str | None:
        """The current version."""
        node = (asset, partition)
        if node not in self._versions:
            self._versions[node] = current_version(self.instance, self.study.name, asset, partition)
        return self._versions[node]

    def _settle(self, step: Step, partition: Partition) -> bool:
        found = self.artifact(step.asset, partition)
        if found is None or found.provenance.failed:
            return False
        if step.asset == raw_corpus.STEP.asset:
            return True
        return self._parents_settled(step, partition) and self._is_made_from(step, partition)

    def _parents_settled(self, step: Step, partition: Partition) -> bool:
        wanted = self._wanted(step, partition)
        return all(self.is_settled(item.asset, item.partition) for item in wanted)

    def _wanted(self, step: Step, partition: Partition) -> Iterable[Wanted]:
        """The parents that make it due: not those of an earlier time."""
        return [item for item in step.wants(self.study, partition) if item.which is None]

    def _is_made_from(self, step: Step, partition: Partition) -> bool:
        """Whether the current artifact was made from its inputs as they are now."""
        found = self.artifact(step.asset, partition)
        if found is None:
            return False
        parents = self._parents(step, partition)
        about = (found.version, parents.records())
        place = (self.lake.root, self.study.name, step.asset, partition)
        known = _verdicts.get(place)
        if known is None or not known.holds(self.study, about):
            same = self._inputs(step, partition, parents) == found.provenance.input_digest
            known = _verdicts[place] = _Verdict(self.study, about, time.monotonic(), same)
        return known.same

    def _inputs(self, step: Step, partition: Partition, parents: Parents) -> str | None:
        try:
            return step.inputs(self.study, partition, parents).digest
        except AlignmentError:
            return None  # the run that follows says why

    def _parents(self, step: Step, partition: Partition) -> Parents:
        found = []
        for item in step.wants(self.study, partition):
            version = self._version_of(item)
            artifact = self._peek(item.asset, item.partition, version) if version else None
            if artifact is not None:
                found.append((item, artifact))
        return Parents(tuple(found))

    def _version_of(self, item: Wanted) -> str | None:
        if item.which is not None:
            return item.which(self.instance, self.lake, self.study.name, item)
        return self.version(item.asset, item.partition)

    def _peek(self, asset: str, partition: Partition, version: str) -> Artifact | None:
        key = (asset, partition, version)
        if key not in self._artifacts:
            try:
                self._artifacts[key] = self.lake.peek(self.study.name, *key)
            except AlignmentError:
                return None  # whoever reads it says why
        return self._artifacts[key]
