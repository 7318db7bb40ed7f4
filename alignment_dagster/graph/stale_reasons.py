"""Why an artifact is not what its step would make now, in words: the other side of `staleness`."""

from collections.abc import Iterator, Mapping, Sequence

from alignment_dagster.chain import CLASSIFIER, RAW_CORPUS, SCORED_CORPUS
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.declared_differences import first_difference
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import Step
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition, partition_label
from alignment_dagster.lineage.provenance import Parent
from alignment_dagster.study import Study


class StaleReasons:
    """Then and now, for the artifacts of one study."""

    def __init__(self, study: Study, steps: Mapping[str, Step]) -> None:
        self.study = study
        self.steps = steps
        self.unread: list[str] = []
        """What could not be compared, and why."""
        self._external: dict[tuple[str, Partition], Mapping[str, str]] = {}

    def of(self, artifact: Artifact) -> Iterator[str]:
        """What a run would find to be other than it was; nothing where it would be the same."""
        step, inputs = self.steps[artifact.asset], artifact.provenance.inputs
        if step.code_version != inputs.code_version:
            yield f"its code is version {step.code_version}, and was {inputs.code_version}"
        partitions = step.partitions(self.study)
        if not step.exists(self.study) or (partitions and inputs.partition not in partitions):
            yield "is not declared any more"
            return
        today = step.config(self.study, inputs.partition)
        if differs := first_difference(artifact.provenance.declared, today):
            yield f"declaration: {differs}"
        yield from self._parents(step.parents(self.study, inputs.partition), inputs.parents)
        yield from self._external_inputs(step, artifact)

    def _parents(self, specs: Sequence[ParentSpec], parents: Sequence[Parent]) -> Iterator[str]:
        """Other parents than it was made from."""
        then = [(one.asset, one.partition, one.part) for one in parents]
        now = [(one.asset, one.partition, one.part) for one in specs]
        for asset, partition, _ in now:
            if (asset, partition) not in {key[:2] for key in then}:
                yield f"{partition_label(asset, partition)} is declared, and it was made without"
        for asset, partition, _ in then:
            if (asset, partition) not in {key[:2] for key in now}:
                yield f"{partition_label(asset, partition)} is not declared any more, and was read"
        if sorted(then, key=str) == sorted(now, key=str) and then != now:
            yield "what it is made from is declared in another order"

    def _external_inputs(self, step: Step, artifact: Artifact) -> Iterator[str]:
        """Files outside the lake; some of them depend on the partition."""
        inputs = artifact.provenance.inputs
        own = inputs.partition if artifact.asset in (RAW_CORPUS, CLASSIFIER) else None
        key = (artifact.asset, own)
        try:
            if key not in self._external:
                self._external[key] = step.external_inputs(self.study, inputs.partition)
        except AlignmentError as error:
            name = partition_label(artifact.asset, artifact.partition)
            self.unread.append(f"{name}: not compared with the files of today: {error}")
            return
        today = self._external[key]
        for name in sorted(inputs.external_inputs.keys() | today.keys()):
            if inputs.external_inputs.get(name) != today.get(name):
                yield self._other_content(artifact, name, today)

    def _other_content(self, artifact: Artifact, name: str, today: Mapping[str, str]) -> str:
        before = artifact.provenance.inputs.external_inputs
        if artifact.asset == RAW_CORPUS and name == "source":
            return f"source {artifact.partition}: its files have other content"
        if name in {suite.name for suite in self.study.suites}:
            return f"suite {name}: its items have other content"
        if artifact.asset in (CLASSIFIER, SCORED_CORPUS):
            then, now = (one.get(name, "").partition(":")[0] for one in (before, today))
            if then and now and then != now:
                return f"scorer {name} is version {now}, and was {then}"
            return f"scorer {name}: the word list or the items that it reads have other content"
        return f"{name}: has other content"
