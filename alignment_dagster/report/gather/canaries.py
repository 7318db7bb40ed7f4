"""The files in which the planted documents of each recipe are looked for."""

from collections.abc import Sequence

from alignment_dagster import chain
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.report.canaries import CanaryRow, canary_rows
from alignment_dagster.report.canary_reads import RecipeLedgers
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.study import Study


def gather_canaries(study: Study, parents: Parents) -> list[CanaryRow]:
    """One row for each canary and recipe of a report."""
    if not study.declaration.canaries:
        return []
    decided = parents.one(chain.DISPOSITIONS)
    ledgers = {}
    for recipe in study.recipes:
        mixes = parents.all(chain.CURATED_MIX, recipe.name)
        models = parents.all(chain.PRETRAINED_CHECKPOINT)
        measured = parents.all(chain.EVALUATION)
        ledgers[recipe.name] = find_ledgers(recipe.name, decided, mixes, models, measured)
    return canary_rows(study, ledgers)


def find_ledgers(
    recipe: str,
    dispositions: Artifact,
    mixes: Sequence[Artifact],
    models: Sequence[Artifact],
    measured: Sequence[Artifact],
) -> RecipeLedgers:
    """What is recorded of a recipe: of the checkpoints, those that read the mix.

    Args:
        mixes: the recipe's; none or one.
        models: pretrained checkpoints of any recipe.
        measured: evaluations of any recipe.
    """
    decided = dispositions.path / file_names.pretraining_part(recipe)
    if not mixes:
        return RecipeLedgers(decided)
    read = [one for one in models if recipe_of(one.partition) == recipe and _read(one, mixes[0])]
    asked = [
        one.path / file_names.PROBES
        for model in read
        for one in measured
        if _read(one, model) and file_names.PROBES in one.manifest.files
    ]
    consumed = [one.path / file_names.CONSUMPTION for one in read]
    return RecipeLedgers(decided, mixes[0].path, consumed, asked)


def _read(one: Artifact, parent: Artifact) -> bool:
    """Whether an artifact was made from exactly this one."""
    key = (parent.asset, parent.partition, parent.version)
    return key in [each.key for each in one.provenance.inputs.parents]
