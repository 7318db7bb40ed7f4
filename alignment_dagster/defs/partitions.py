"""The chain's partitions in Dagster's terms, and how those of a child depend on its parent's."""

import dagster as dg

from alignment_dagster.chain import OF_REPLICATES, By
from alignment_dagster.graph.partitions import by_recipe
from alignment_dagster.graph.step import Step
from alignment_dagster.study import Study


def partitions_definition(step: Step, study: Study) -> "dg.PartitionsDefinition[str] | None":
    """The step's partitions: sources, recipes, or recipes by seeds."""
    if step.chain.by is By.STUDY:
        return None
    if step.chain.by in OF_REPLICATES:
        seeds = [str(seed) for seed in study.declaration.seeds]
        named = study.trunk_recipes if step.chain.by is By.TRUNK else by_recipe(study)
        recipes = dg.StaticPartitionsDefinition(list(named))
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
    elif (above, own) == (By.TRUNK, By.REPLICATE):
        mapping = _from_trunks(study)
    elif above not in (By.STUDY, own):
        # Also of mixes and trunks: Dagster maps one dimension only where both have the same keys.
        mapping = dg.AllPartitionMapping()
    return dg.AssetDep(dg.AssetKey([study.name, parent.asset]), partition_mapping=mapping)


def _from_trunks(study: Study) -> dg.PartitionMapping:
    """Each seed of a recipe reads that seed of the recipe that it branches from, or of itself."""
    readers = {
        trunk: {trunk, *(one.name for one in study.branches(trunk))}
        for trunk in study.trunk_recipes
    }
    recipes, seeds = dg.StaticPartitionMapping(readers), dg.IdentityPartitionMapping()
    return dg.MultiPartitionMapping(
        {
            "recipe": dg.DimensionPartitionMapping("recipe", recipes),
            "seed": dg.DimensionPartitionMapping("seed", seeds),
        }
    )
