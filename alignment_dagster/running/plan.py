"""The tasks of a study in order, and which of them have nothing to do."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from alignment_dagster.steps import attacks, corpus_drift, curated_mix, eval_report, evaluation, harness, marts, post_trained_checkpoint, pretrained_checkpoint, raw_corpus, regression_gate, scored_corpus, tampering, tokenizer
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.parents import current_version, resolve
from alignment_dagster.graph.step import Partition, Step, by_recipe, recipe_of
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.study import Study

WAVES: tuple[tuple[Step, ...], ...] = (
    (raw_corpus.STEP, scored_corpus.STEP, corpus_drift.STEP),
    (marts.CORPUS,),
    (tokenizer.STEP,),
    (curated_mix.STEP,),
    (
        pretrained_checkpoint.STEP,
        post_trained_checkpoint.STEP,
        evaluation.STEP,
        tampering.STEP,
        attacks.STEP,
        harness.STEP,
    ),
    (marts.RESULTS,),
    (eval_report.STEP,),
    (regression_gate.STEP,),
)
"""Steps of one wave share their partitions and run as one Dagster run for each partition."""

ASSETS = tuple(step.asset for wave in WAVES for step in wave)


@dataclass(frozen=True)
class Selection:
    """What the user asked for; empty means all."""

    recipes: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Task:
    """One Dagster run: some steps of one partition."""

    steps: tuple[Step, ...]
    partition: Partition

    @property
    def label(self) -> str:
        name = self.steps[0].asset
        return f"{name}[{self.partition}]" if self.partition else name


def check_selection(study: Study, selection: Selection) -> None:
    """Refuse what the study does not have.

    Raises:
        AlignmentError: names the option, the value and what there is.
    """
    declared = study.declaration
    _known("--recipe", selection.recipes, declared.recipes)
    _known("--seed", selection.seeds, declared.seeds)
    _known("--from", [selection.first] if selection.first else [], ASSETS)
    _known("--to", [selection.last] if selection.last else [], ASSETS)


def _known(option: str, values: Iterable[object], known: Sequence[object]) -> None:
    for value in values:
        if value not in known:
            raise AlignmentError(
                f"{option} {value}: unknown (there is: {', '.join(map(str, known))})"
            )


def waves(study: Study, selection: Selection) -> Iterator[list[Task]]:
    """The tasks of each wave that the selection leaves."""
    wanted = set(_assets_between(selection.first, selection.last))
    for wave in WAVES:
        steps = tuple(step for step in wave if step.asset in wanted and step.exists(study))
        if steps:
            yield [Task(steps, part) for part in _partitions(study, steps[0], selection)]


def _assets_between(first: str | None, last: str | None) -> tuple[str, ...]:
    start = ASSETS.index(first) if first else 0
    end = ASSETS.index(last) if last else len(ASSETS) - 1
    return ASSETS[start : end + 1]


def _partitions(study: Study, step: Step, selection: Selection) -> list[Partition]:
    partitions: list[Partition] = list(step.partitions(study)) or [None]
    if step.partitions is by_recipe or any("|" in (part or "") for part in partitions):
        partitions = [
            part
            for part in partitions
            if not selection.recipes or recipe_of(part) in selection.recipes
        ]
    if selection.seeds:
        seeds = {str(seed) for seed in selection.seeds}
        partitions = [
            part
            for part in partitions
            if part is None or "|" not in part or part.split("|")[1] in seeds
        ]
    return partitions


class Currency:
    """Finds out whether an asset's partition is what its inputs would give now."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake, study: Study) -> None:
        self.instance = instance
        self.lake = lake
        self.study = study
        self._opened: dict[tuple[str, Partition, str], Artifact] = {}

    def remaining(self, task: Task) -> tuple[Step, ...]:
        """The task's steps from the first one on that has to run; empty where none has.

        Raises:
            ArtifactError: if a current artifact or a parent was altered.
        """
        for index, step in enumerate(task.steps):
            if not self.is_current(step, task.partition):
                return task.steps[index:]
        return ()

    def is_current(self, step: Step, partition: Partition) -> bool:
        """Whether the latest materialization was made from the inputs as they are now."""
        version = current_version(self.instance, self.study.name, step.asset, partition)
        if version is None or not self._exists(step.asset, partition, version):
            return False
        artifact = self.lake.open(self.study.name, step.asset, partition, version)
        self._opened[(step.asset, partition, version)] = artifact
        if artifact.provenance.failed:
            return False
        wanted = step.wants(self.study, partition)
        parents = resolve(self.instance, self.lake, self.study.name, wanted, self._opened)
        inputs = step.inputs(self.study, partition, parents)
        return inputs.digest == artifact.provenance.input_digest

    def _exists(self, asset: str, partition: Partition, version: str) -> bool:
        return self.lake.has(self.study.name, asset, partition, version)
