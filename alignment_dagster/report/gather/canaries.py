"""The files in which the planted documents of each recipe are looked for."""

from collections.abc import Mapping, Sequence

from alignment_dagster import chain
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.report.canaries import CanaryRow, canary_rows
from alignment_dagster.report.canary_reads import RecipeLedgers, TrunkLedgers
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.study import Study


def gather_canaries(study: Study, parents: Parents) -> list[CanaryRow]:
    """One row for each canary and recipe of a report."""
    if not study.declaration.canaries:
        return []
    decided = parents.one(chain.DISPOSITIONS)
    mixes = [mix for one in study.recipes for mix in parents.all(chain.CURATED_MIX, one.name)]
    models = [
        *parents.all(chain.TRUNK_CHECKPOINT),
        *parents.all(chain.PRETRAINED_CHECKPOINT),
    ]
    measured = parents.all(chain.EVALUATION)
    ledgers = {
        one.name: find_ledgers(one.name, decided, mixes, models, measured) for one in study.recipes
    }
    return canary_rows(study, ledgers)


def find_ledgers(
    recipe: str,
    dispositions: Artifact,
    mixes: Sequence[Artifact],
    models: Sequence[Artifact],
    measured: Sequence[Artifact],
) -> RecipeLedgers:
    """What is recorded of a recipe: of the checkpoints, those that read the mix.

    Of those with a trunk it is only known what they read where the trunk and its mix are there.

    Args:
        mixes: of any recipe; none or one of each.
        models: trunks and pretrained checkpoints of any recipe.
        measured: evaluations of any recipe.
    """
    decided = dispositions.path / file_names.pretraining_part(recipe)
    mix = next((one for one in mixes if one.partition == recipe), None)
    if mix is None:
        return RecipeLedgers(decided)
    own = [
        one
        for one in models
        if (one.asset, recipe_of(one.partition)) == (chain.PRETRAINED_CHECKPOINT, recipe)
        and _read(one, mix)
    ]
    before = {one.label: _before(one, mixes, models) for one in own}
    read = [one for one in own if before[one.label] or "trunk" not in one.provenance.declared]
    asked = [
        one.path / file_names.PROBES
        for model in read
        for one in measured
        if _read(one, model) and file_names.PROBES in one.manifest.files
    ]
    consumed = [one.path / file_names.CONSUMPTION for one in read]
    return RecipeLedgers(decided, mix.path, consumed, asked, _trunk(read, before))


def _before(
    model: Artifact, mixes: Sequence[Artifact], models: Sequence[Artifact]
) -> tuple[Artifact, Artifact] | None:
    """The trunk that a model went on from, and the mix that this read, where both are there."""
    found = (
        (trunk, mix)
        for trunk in models
        if trunk.asset == chain.TRUNK_CHECKPOINT and _read(model, trunk)
        for mix in mixes
        if _read(trunk, mix)
    )
    return next(found, None)


def _trunk(
    read: Sequence[Artifact], before: Mapping[str, tuple[Artifact, Artifact] | None]
) -> TrunkLedgers | None:
    found = [pair for one in read if (pair := before[one.label]) is not None]
    if not found:
        return None
    steps: int = read[0].provenance.declared["trunk"]["steps"]
    ledgers = [trunk.path / file_names.CONSUMPTION for trunk, _ in found]
    return TrunkLedgers(found[0][1].path, ledgers, steps)


def _read(one: Artifact, parent: Artifact) -> bool:
    """Whether an artifact was made from exactly this one."""
    key = (parent.asset, parent.partition, parent.version)
    return key in [each.key for each in one.provenance.inputs.parents]
