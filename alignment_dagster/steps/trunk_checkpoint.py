"""`trunk_checkpoint`: the steps that several recipes share, trained once for each seed."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.consumption import consumption_problem
from alignment_dagster.lineage.partition_keys import Partition, recipe_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.pages.trunk_checkpoint import page_metadata
from alignment_dagster.steps.pretraining_job import (
    declared,
    external_inputs,
    is_falling,
    read_losses,
    register_start,
    train,
)
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import PRETRAINING_CODE


def is_declared(study: Study) -> bool:
    """Whether any recipe branches from another."""
    return bool(study.trunk_recipes)


def build(context: BuildContext) -> BuildResult:
    """Train up to the last branch; a state is kept where each begins."""
    register_start(context, "trunk")
    declared = config(context.study, context.partition)
    measured = train(context, declared, earlier=list(_find_earlier(context, declared)))
    study, recipe = context.study, recipe_of(context.partition)
    must_fall = study.declaration.base is None and not study.recipe(recipe).phases
    falling = is_falling(context.folder, read_losses(context.folder), must_fall=must_fall)
    return BuildResult((falling, _consumed(context)), measured)


def _find_earlier(context: BuildContext, declared: Mapping[str, Any]) -> Iterator[Path]:
    """The same training as it was made before, for other branches.

    Its steps give the same bytes, so it is no parent: as with a run that was stopped and resumed.
    """
    lake, place = context.stores.lake, (context.study.name, context.asset, context.partition)
    for version in lake.versions(*place):
        with suppress(ArtifactError):  # collected or damaged: then the steps are taken again
            then = lake.read(*place, version).provenance
            inputs = then.inputs.model_copy(update={"declaration": context.inputs.declaration})
            same = {**then.declared, "branch_steps": declared["branch_steps"]} == declared
            if same and inputs.digest == context.inputs.digest:
                yield lake.open(*place, version).path


def _consumed(context: BuildContext) -> Check:
    mix = context.parents.one(chain.CURATED_MIX).path
    ledger = context.folder / file_names.CONSUMPTION
    phases = context.study.recipe(recipe_of(context.partition)).phases
    problem = consumption_problem(ledger, mix, whole=False, phases=phases)
    return Check(
        name="consumed_what_the_mix_says",
        passed=problem is None,
        summary=problem
        or "No sequence twice; the digest chain is that of the mix's tokens, as treated.",
    )


def parents(_study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The recipe's mix, and the tokenizer, whose vocabulary is the model's."""
    return (ParentSpec(chain.CURATED_MIX, recipe_of(partition)), ParentSpec(chain.TOKENIZER))


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """As of any pretraining, and after which steps others branch."""
    steps = study.branch_steps(recipe_of(partition))
    return {**declared(study, partition), "branch_steps": list(steps)}


STEP = Step(
    asset=chain.TRUNK_CHECKPOINT,
    kinds=frozenset({"pytorch"}),
    description=(
        "The first steps of a recipe that others branch from, with one seed: trained once, and "
        "gone on from by the recipe's own model and by every branch. Where a branch begins lies "
        "the state: weights, optimizer and random state."
    ),
    code_version="1",
    modules=PRETRAINING_CODE,
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    exists=is_declared,
    checks={
        "loss_finite_and_falling": (
            "The loss is finite at every step, and fell unless the model had learnt before or what "
            "is done with its documents changes on the way."
        ),
        "consumed_what_the_mix_says": "The steps read the mix's sequences, none of them twice.",
    },
)
