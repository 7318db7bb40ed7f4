"""The tasks of a study in order: what was asked for, wave by wave."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alignment_dagster.chain import OF_RECIPES, OF_REPLICATES, ORDER, WAVES, By
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.step import Step
from alignment_dagster.lineage.partition_keys import Partition, partition_label, recipe_of, seed_of
from alignment_dagster.steps.registry import wave_steps
from alignment_dagster.study import Study


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
        return partition_label(self.steps[0].asset, self.partition)


def check_selection(study: Study, selection: Selection) -> None:
    """Refuse what the study does not have.

    Raises:
        AlignmentError: names the option, the value and what there is.
    """
    declared = study.declaration
    _require_known("--recipe", selection.recipes, declared.recipes)
    _require_known("--seed", selection.seeds, declared.seeds)
    _require_known("--from", [selection.first] if selection.first else [], ORDER)
    _require_known("--to", [selection.last] if selection.last else [], ORDER)


def _require_known(option: str, values: Iterable[object], known: Sequence[object]) -> None:
    for value in values:
        if value not in known:
            raise AlignmentError(
                f"{option} {value}: unknown (there is: {', '.join(map(str, known))})"
            )


def waves(study: Study, selection: Selection) -> Iterator[list[Task]]:
    """The tasks of each wave that the selection leaves."""
    start = ORDER.index(selection.first) if selection.first else 0
    end = ORDER.index(selection.last) if selection.last else len(ORDER) - 1
    wanted = set(ORDER[start : end + 1])
    for wave in range(len(WAVES)):
        steps = tuple(step for step in wave_steps(study, wave) if step.asset in wanted)
        if steps:
            yield [Task(steps, part) for part in _partitions(study, steps[0], selection)]


def count_artifacts(study: Study, selection: Selection) -> int:
    """How many artifacts the selection leaves."""
    return sum(len(task.steps) for wave in waves(study, selection) for task in wave)


def _partitions(study: Study, step: Step, selection: Selection) -> list[Partition]:
    """What the selection leaves; recipes and seeds select only where there are any.

    With a recipe come the mix and the trunk that it branches from.
    """
    partitions: list[Partition] = list(step.partitions(study)) or [None]
    if selection.recipes and step.asset in OF_RECIPES:
        wanted = set(selection.recipes)
        if step.chain.by is not By.REPLICATE:
            chosen = map(study.recipe, selection.recipes)
            wanted |= {recipe.trunk.recipe for recipe in chosen if recipe.trunk is not None}
        partitions = [part for part in partitions if recipe_of(part) in wanted]
    if selection.seeds and step.chain.by in OF_REPLICATES:
        partitions = [part for part in partitions if seed_of(part) in selection.seeds]
    return partitions
