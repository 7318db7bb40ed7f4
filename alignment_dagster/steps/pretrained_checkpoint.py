"""`pretrained_checkpoint`: a model trained on one recipe's mix, once for each seed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.consumption import consumption_problem
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, seed_of
from alignment_dagster.lineage.provenance import BASE, Check
from alignment_dagster.steps.pages.pretrained_checkpoint import page_metadata
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import PRETRAINING_CODE, PretrainJob

MODULE = "alignment_dagster.training.pretraining.pretrain"
IN_RANKS = "alignment_dagster.training.pretraining.rank_processes"


def build(context: BuildContext) -> BuildResult:
    """Train in a process of its own; a killed run resumes from its last checkpoint."""
    declared = context.study.declaration
    mix = context.parents.one(chain.CURATED_MIX)
    job = PretrainJob(
        mix=str(mix.path),
        tokenizer=str(context.parents.one(chain.TOKENIZER).path),
        model=declared.model,
        base=declared.base,
        base_digest=context.inputs.external_inputs.get(BASE),
        pretraining=declared.pretraining,
        objective=context.study.recipe(recipe_of(context.partition)).objective,
        sequence_length=declared.mix.sequence_length,
        seed=seed_of(context.partition),
        output=str(context.folder),
        work=str(context.work),
    )
    if (start := declared.model or declared.base) is not None:
        context.register_model("base", start)
    module = IN_RANKS if declared.pretraining.ranks > 1 else MODULE
    measured = context.run_job(module, job, mix)
    losses = pq.read_table(context.folder / file_names.TRAINING_LOG, columns=["loss"])[
        "loss"
    ].to_numpy()
    falling = _falling(losses, must_fall=declared.base is None)
    return BuildResult((falling, _consumed(context, mix)), measured)


def _falling(losses: "np.ndarray[Any, Any]", *, must_fall: bool) -> Check:
    """Of a checkpoint that had learnt before, the loss may stay where it is."""
    part = max(1, len(losses) // 10)
    first, last = float(losses[:part].mean()), float(losses[-part:].mean())
    return Check(
        name="loss_finite_and_falling",
        passed=bool(np.isfinite(losses).all()) and (last < first or not must_fall),
        summary=f"{first:.3f} nats a token in the first tenth, {last:.3f} in the last.",
    )


def _consumed(context: BuildContext, mix: Artifact) -> Check:
    problem = consumption_problem(context.folder / file_names.CONSUMPTION, mix.path)
    return Check(
        name="consumed_what_the_mix_says",
        passed=problem is None,
        summary=problem
        or "Every sequence once; the digest chain is that of the mix's tokens, as treated.",
    )


def parents(_study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The recipe's mix, and the tokenizer that is shipped with the weights."""
    return (ParentSpec(chain.CURATED_MIX, recipe_of(partition)), ParentSpec(chain.TOKENIZER))


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The model or what it goes on from, how it is trained, what it minimises, and the seed."""
    declared, recipe = study.declaration, study.recipe(recipe_of(partition))
    said = {"objective": recipe.objective, "model": declared.model, "base": declared.base}
    return {
        **{name: one.model_dump(mode="json") for name, one in said.items() if one is not None},
        "pretraining": declared.pretraining.model_dump(mode="json"),
        "sequence_length": declared.mix.sequence_length,
        "seed": seed_of(partition),
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The checkpoint that it goes on from, where there is one."""
    base = study.declaration.base
    return {} if base is None else {BASE: model_digest(base)}


STEP = Step(
    asset=chain.PRETRAINED_CHECKPOINT,
    kinds=frozenset({"pytorch", "huggingface"}),
    description=(
        "A decoder trained on one recipe's mix with one seed, from random weights or from the "
        "checkpoint that the study declares. Beside the "
        "weights lies the consumption ledger: which sequences every optimizer step read, chained "
        "by digest. It opens with `AutoModelForCausalLM.from_pretrained`."
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
            "The loss is finite at every step, and fell unless the model had learnt before."
        ),
        "consumed_what_the_mix_says": "The steps read the mix's sequences, each exactly once.",
    },
)
