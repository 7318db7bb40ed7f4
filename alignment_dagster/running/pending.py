"""What `alignment run` would make, and why: by the records alone, and nothing is written.

A run verifies every byte before it takes something as current; here their records are believed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.graph.step import Step
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition, partition_label
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.tombstone import is_collected
from alignment_dagster.preflight.estimate.evidence import Evidence
from alignment_dagster.running.plan import Selection, waves
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study

CURRENT = "up to date"
NEVER = "never made"
MOST_REASONS = 2


@dataclass(frozen=True)
class Pending:
    """One artifact that the selection leaves."""

    asset: str
    partition: Partition
    reason: str
    """Why it would be made; `CURRENT` where it would not."""
    computed: bool
    """Whether anything would be computed: what was made from the same inputs is taken again."""

    @property
    def is_current(self) -> bool:
        return self.reason == CURRENT


class _Look:
    """One look at a study."""

    def __init__(self, study: Study, lake: Lake, evidence: Evidence) -> None:
        self.study = study
        self.lake = lake
        self.evidence = evidence
        self.made: dict[tuple[str, Partition], str] = {}
        """What would be made anew, so that what is made from it may be."""

    @cached_property
    def reasons(self) -> StaleReasons:
        return StaleReasons(self.study, STEPS)

    def look(self, step: Step, partition: Partition) -> Pending:
        """At one artifact, after all that stands before it."""
        found = self.evidence.current.get((step.asset, partition))
        try:
            reason, computed = self._reason(step, partition, found)
        except AlignmentError as error:
            reason, computed = f"cannot be told: {error}", True
        if reason != CURRENT and computed:
            self.made[step.asset, partition] = reason
        return Pending(step.asset, partition, reason, computed)

    def _reason(self, step: Step, partition: Partition, found: Artifact | None) -> tuple[str, bool]:
        specs = step.parents(self.study, partition)
        if found is None:
            return self._before(specs) or NEVER, True
        if is_collected(found.path):
            return "its files were collected as garbage", True
        if found.provenance.failed:
            return f"it failed the check {found.provenance.failed[0].name}", True
        follows = self._follows(specs)
        parents = self._parents(step, partition, found)
        inputs = step.inputs(self.study, partition, parents)
        if not follows and inputs.digest == found.provenance.input_digest:
            return CURRENT, False
        if not follows and (again := self.lake.find(inputs)) is not None:
            return f"made before from the same inputs: {again.version} is taken again", False
        own = self._differences(found, parents)[:MOST_REASONS]
        return "; ".join([*own, *follows]) or "its inputs are not those of today", True

    def _before(self, specs: Sequence[ParentSpec]) -> str:
        """What has to be there first and will not be."""
        missing = [
            partition_label(spec.asset, spec.partition)
            for spec in specs
            if spec.required
            and spec.selector is None
            and (spec.asset, spec.partition) not in self.made
            and (spec.asset, spec.partition) not in self.evidence.current
        ]
        return f"{NEVER}; cannot be before {missing[0]}, which is not selected" if missing else ""

    def _follows(self, specs: Sequence[ParentSpec]) -> list[str]:
        """What is made anew before it, in words."""
        before = dict.fromkeys(
            spec.asset for spec in specs if (spec.asset, spec.partition) in self.made
        )
        return [f"follows {', '.join(before)}"] if before else []

    def _parents(self, step: Step, partition: Partition, found: Artifact) -> Parents:
        """As they are now; what was looked up in an earlier time is taken to be as it was."""
        then = list(found.provenance.inputs.parents)
        artifacts = []
        for spec in step.parents(self.study, partition):
            artifact = self.evidence.current.get((spec.asset, spec.partition))
            if spec.selector is not None:
                named = (spec.asset, spec.partition, spec.part)
                past = [one for one in then if (one.asset, one.partition, one.part) == named]
                # The same place can be looked up in two times: each names one of them, in order.
                then = [one for one in then if one not in past[:1]]
                artifact = self._read(past[0].key) if past else None
            if artifact is not None:
                artifacts.append((spec, artifact))
        return Parents(tuple(artifacts))

    def _read(self, key: Key) -> Artifact | None:
        there = (self.lake.folder(self.study.name, *key[:2]) / key[2]).is_dir()
        return self.lake.read(self.study.name, *key) if there else None

    def _differences(self, found: Artifact, parents: Parents) -> list[str]:
        """What is not as it was, without what would be made anew."""
        reasons = list(self.reasons.of(found))
        then = {
            (one.asset, one.partition, one.part): one.digest
            for one in found.provenance.inputs.parents
        }
        for one in parents.records():
            if then.get((one.asset, one.partition, one.part), one.digest) != one.digest:
                reasons.append(f"{partition_label(one.asset, one.partition)} has other content")
        return reasons


def find_pending(
    study: Study, selection: Selection, lake: Lake, evidence: Evidence
) -> Iterator[Pending]:
    """Every artifact that the selection leaves, in the order of a run."""
    look = _Look(study, lake, evidence)
    for wave in waves(study, selection):
        for task in wave:
            for step in task.steps:
                yield look.look(step, task.partition)
