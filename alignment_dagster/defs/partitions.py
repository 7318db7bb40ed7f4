"""The chain's partitions in Dagster's terms, and how those of a child depend on its parent's."""

import dagster as dg

from alignment_dagster.chain import By
from alignment_dagster.graph.partitions import by_recipe
from alignment_dagster.graph.step import Step
from alignment_dagster.study import Study


def partitions_definition(step: Step, study: Study) -> "dg.PartitionsDefinition[str] | None":
    """The step's partitions: sources, recipes, or recipes by seeds."""
    if step.chain.by is By.STUDY:
        return None
    if step.chain.by is By.REPLICATE:
        seeds = [str(seed) for seed in study.declaration.seeds]
        recipes = dg.StaticPartitionsDefinition(list(by_recipe(study)))
        return dg.MultiPartitionsDefinition(
            {"recipe": recipes, "seed": dg.StaticPartitionsDefinition(seeds)}
        )
    return dg.StaticPartitionsDefinition(list(step.partitions(study)))


def dependency(parent: Step, step: Step, study: Study) -> dg.AssetDep:
    """How a partition of `step` depends on the partitions of `parent`."""
    mapping: dg.PartitionMapping | None = None
    above, own = parent.chain.by, step.chain.by
    if (above, own) == (By.RECIPE, By.REPLICATE):
        mapping = dg.MultiToSingleDimensionPartitionMapping("recipe")
    elif above not in (By.STUDY, own):
        mapping = dg.AllPartitionMapping()
    return dg.AssetDep(dg.AssetKey([study.name, parent.asset]), partition_mapping=mapping)
