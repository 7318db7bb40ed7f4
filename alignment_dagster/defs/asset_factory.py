"""A step as a Dagster asset of one study: partitions, dependencies, checks, and UI texts."""

from collections.abc import Sequence
from functools import cache

import dagster as dg

from alignment_dagster.preflight.studies import load_studies
from alignment_dagster.defs.automation_conditions import follows
from alignment_dagster.graph.materialize import materialize
from alignment_dagster.graph.step import (
    Step,
    by_recipe,
    by_recipe_and_seed,
    no_partitions,
)
from alignment_dagster.foundation.home import assets_folder
from alignment_dagster.study import Study


@cache
def studies() -> tuple[Study, ...]:
    """Every declared study; read once for each load of the code location."""
    return load_studies(assets_folder())


def partitions_definition(step: Step, study: Study) -> "dg.PartitionsDefinition[str] | None":
    """The step's partitions: sources, recipes, or recipes by seeds."""
    if step.partitions is no_partitions:
        return None
    if step.partitions(study) == by_recipe_and_seed(study):
        seeds = [str(seed) for seed in study.declaration.seeds]
        recipes = dg.StaticPartitionsDefinition(list(by_recipe(study)))
        return dg.MultiPartitionsDefinition(
            {"recipe": recipes, "seed": dg.StaticPartitionsDefinition(seeds)}
        )
    return dg.StaticPartitionsDefinition(list(step.partitions(study)))


def dependency(upstream: Step, step: Step, study: Study) -> dg.AssetDep:
    """How a partition of `step` depends on the partitions of `upstream`."""
    mapping: dg.PartitionMapping | None = None
    above, own = upstream.partitions(study), step.partitions(study)
    if above == by_recipe(study) and own == by_recipe_and_seed(study):
        mapping = dg.MultiToSingleDimensionPartitionMapping("recipe")
    elif above not in ((), own):
        mapping = dg.AllPartitionMapping()
    return dg.AssetDep(dg.AssetKey([study.name, upstream.asset]), partition_mapping=mapping)


def group_name(study: Study, group: str) -> str:
    """Groups sort in the order of the chain."""
    return f"{study.name}_{group}"


def asset(step: Step, study: Study, upstream: Sequence[Step | str]) -> dg.AssetsDefinition:
    """The step's asset in a study; `upstream` are its parents, dbt models by name."""
    key = dg.AssetKey([study.name, step.asset])
    partitions = partitions_definition(step, study)

    @dg.asset(
        key=key,
        deps=[
            dependency(parent, step, study)
            if isinstance(parent, Step)
            else dg.AssetDep(dg.AssetKey([study.name, parent]))
            for parent in upstream
            if not isinstance(parent, Step) or parent.exists(study)
        ],
        description=step.description,
        owners=[study.declaration.owner],
        kinds=set(step.kinds),
        group_name=group_name(study, step.group),
        code_version=step.code_version,
        partitions_def=partitions,
        check_specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                description=text,
                blocking=name in step.checks,
                partitions_def=partitions,
            )
            for name, text in step.check_texts(study).items()
        ],
        tags={"study": study.name},
        automation_condition=follows(study, step.asset),
    )
    def compute(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return materialize(context, step, study)

    return compute


def definitions(step: Step, upstream: Sequence[Step | str] = ()) -> dg.Definitions:
    """The step's asset in every study that has it."""
    having = [study for study in studies() if step.exists(study)]
    return dg.Definitions(assets=[asset(step, study, upstream) for study in having])
