"""`pretrained_checkpoint`: a model trained on one recipe's mix, once for each seed.

From nothing, from a checkpoint that was trained elsewhere, or on from the trunk that its recipe
branches from, or that others branch from.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.consumption import Trunk, consumption_problem
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, replicate, seed_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.pages.pretrained_checkpoint import page_metadata
from alignment_dagster.steps.pretraining_job import (
    declared,
    external_inputs,
    is_falling,
    read_losses,
    register_start,
    train,
)
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import PRETRAINING_CODE, TrunkSteps


def build(context: BuildContext) -> BuildResult:
    """Train a model; its ledgers hold its own steps, and go on from those of the trunk."""
    study, partition = context.study, context.partition
    register_start(context, "base")
    recipe = recipe_of(partition)
    steps = trunk_steps(study, recipe)
    if steps is None:
        measured = train(context, config(study, partition))
        losses, trunk, alike = read_losses(context.folder), None, True
    else:
        before = find_trunk(context.parents).path
        measured = train(context, config(study, partition), before / file_names.state(steps.steps))
        losses, alike = read_losses(context.folder), is_alike(study, recipe, steps.recipe)
        if alike:
            losses = np.concatenate([read_losses(before, steps.steps), losses])
        trunk = Trunk(before / file_names.CONSUMPTION, steps.steps, steps.same_mix)
    # With phases the loss of one is not that of the other.
    level = alike and not study.recipe(recipe).phases
    must_fall = level and study.declaration.base is None
    falling = is_falling(context.folder, losses, must_fall=must_fall)
    return BuildResult((falling, _consumed(context, trunk)), measured)


def is_alike(study: Study, recipe: str, trunk: str) -> bool:
    """Whether the losses of a recipe and of its trunk are the same thing's."""
    own, before = study.recipe(recipe), study.recipe(trunk)
    # A longer sequence tells more of its later tokens.
    lengths = {study.mix(name).sequence_length for name in (recipe, trunk)}
    same = (own.objective, own.treat) == (before.objective, before.treat)
    return same and len(lengths) == 1


def find_trunk(parents: Parents) -> Artifact:
    """The trunk, made from the same vocabulary, and for the trunk's own recipe from the same mix.

    Raises:
        ArtifactError: if it was made from others; names them.
    """
    trunk = parents.one(chain.TRUNK_CHECKPOINT)
    own = {(one.asset, one.partition): one for one in parents.distinct()}
    for parent in trunk.provenance.inputs.parents:
        current = own.get((parent.asset, parent.partition))
        if current is not None and current.digest != parent.digest:
            raise ArtifactError(
                f"{trunk.label} was made from another {current.label.partition('@')[0]} than "
                "there is now: make it again first"
            )
    return trunk


def _consumed(context: BuildContext, trunk: Trunk | None) -> Check:
    mix = context.parents.one(chain.CURATED_MIX).path
    phases = context.study.recipe(recipe_of(context.partition)).phases
    ledger = context.folder / file_names.CONSUMPTION
    problem = consumption_problem(ledger, mix, trunk, phases=phases)
    on = f", on from the trunk's step {trunk.steps}" if trunk else ""
    read = f"Every sequence once; the digest chain is that of the mix's tokens, as treated{on}."
    return Check(
        name="consumed_what_the_mix_says",
        passed=problem is None,
        summary=problem or read,
    )


def trunk_steps(study: Study, recipe: str) -> TrunkSteps | None:
    """The steps before a model's own: its trunk's, or for a trunk's own model those of itself."""
    if trunk := study.recipe(recipe).trunk:
        return TrunkSteps(
            recipe=trunk.recipe,
            steps=study.trunk_steps(recipe),
            same_mix=False,
            own_schedule=trunk.schedule is not None,
        )
    branches = study.branch_steps(recipe)
    return TrunkSteps(recipe=recipe, steps=branches[-1], same_mix=True) if branches else None


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The recipe's mix, the tokenizer that is shipped with the weights, and the trunk's state."""
    recipe = recipe_of(partition)
    own = (ParentSpec(chain.CURATED_MIX, recipe), ParentSpec(chain.TOKENIZER))
    trunk = trunk_steps(study, recipe)
    if trunk is None:
        return own
    key, part = replicate(trunk.recipe, seed_of(partition)), file_names.state_tensors(trunk.steps)
    return (*own, ParentSpec(chain.TRUNK_CHECKPOINT, key, part))


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The model or what it goes on from, how it is trained, and which steps come before its own."""
    trunk = trunk_steps(study, recipe_of(partition))
    before = {} if trunk is None else {"trunk": trunk.model_dump(mode="json")}
    return {**declared(study, partition), **before}


STEP = Step(
    asset=chain.PRETRAINED_CHECKPOINT,
    kinds=frozenset({"pytorch", "huggingface"}),
    description=(
        "A decoder trained on one recipe's mix with one seed, from random weights or from the "
        "checkpoint that the study declares, or on from another recipe's training where the "
        "recipe has a trunk. Beside the weights lies the consumption ledger: which sequences "
        "every optimizer step read, chained by digest. It opens with "
        "`AutoModelForCausalLM.from_pretrained`."
    ),
    code_version="1",
    modules=PRETRAINING_CODE,
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "loss_finite_and_falling": (
            "The loss is finite at every step, and fell unless the model had learnt before or what "
            "is done with its documents changes on the way."
        ),
        "consumed_what_the_mix_says": "The steps read the mix's sequences, each exactly once.",
    },
)
