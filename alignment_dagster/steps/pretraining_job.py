"""What every pretraining is told and checked for, be it of a trunk or of a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster import chain
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, seed_of
from alignment_dagster.lineage.provenance import BASE, Check
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.step_log import SKIPPED, read_skipped

MODULE = "alignment_dagster.training.pretraining.pretrain"
IN_RANKS = "alignment_dagster.training.pretraining.rank_processes"


def declared(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The model or what it goes on from, how it is trained and writes, what it minimises, and the
    seed."""
    declaration, recipe = study.declaration, study.recipe(recipe_of(partition))
    length, whole = study.mix(recipe.name).sequence_length, declaration.mix.sequence_length
    said = {
        "objective": recipe.objective,
        "decoding": recipe.decoding,
        "model": declaration.model,
        "base": declaration.base,
    }
    return {
        **{name: one.model_dump(mode="json") for name, one in said.items() if one is not None},
        "pretraining": study.pretraining(recipe.name).model_dump(mode="json"),
        "sequence_length": length,
        # What the model is asked afterwards is as long as the study says.
        **({"context": whole} if length < whole else {}),
        **({"phases": list(recipe.phases)} if recipe.phases else {}),
        "seed": seed_of(partition),
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The checkpoint that every training of the study begins with, where there is one."""
    base = study.declaration.base
    return {} if base is None else {BASE: model_digest(base)}


def register_start(context: BuildContext, stage: str) -> None:
    """Name the model that is being made, with what it begins with."""
    start = context.study.declaration.model or context.study.declaration.base
    if start is not None:
        context.register_model(stage, start)


def train(
    context: BuildContext,
    settings: Mapping[str, Any],
    state: Path | None = None,
    earlier: Sequence[Path] = (),
) -> dict[str, float | str]:
    """Train in a process of its own; a killed run resumes from its last checkpoint.

    Args:
        settings: the step's configuration, which is all that the job is told but for places.
        state: the folder of a trunk's state that it goes on from.
        earlier: artifacts of the same training, with states that it may go on from.

    Returns:
        What the job measured of itself.
    """
    mix = context.parents.one(chain.CURATED_MIX)
    places = {
        "mix": str(mix.path),
        "tokenizer": str(context.parents.one(chain.TOKENIZER).path),
        "base_digest": context.inputs.external_inputs.get(BASE),
        "state": str(state) if state else None,
        "earlier": list(map(str, earlier)),
        "output": str(context.folder),
        "work": str(context.work),
    }
    job = PretrainJob.model_validate({**settings, **places})
    ranks = job.pretraining.ranks
    return context.run_job(IN_RANKS if ranks > 1 else MODULE, job, mix, ranks)


def read_losses(folder: Path, steps: int | None = None) -> NDArray[np.float64]:
    """The loss of each step that was taken [steps], in the first `steps` of a training log."""
    log = pq.read_table(folder / file_names.TRAINING_LOG).slice(0, steps)
    if SKIPPED in log.column_names:
        log = log.filter(pc.is_null(log[SKIPPED]))
    losses: NDArray[np.float64] = log["loss"].to_numpy()
    return losses


def is_falling(folder: Path, losses: NDArray[np.float64], *, must_fall: bool) -> Check:
    """Whether it is finite at every step, and lower in the last tenth than in the first.

    Args:
        folder: whose log says which steps its guard left out.
        losses: of the steps that were taken.
        must_fall: false of a model that had learnt before, whose loss may stay where it is, and of
            one whose losses have not one level.
    """
    part = max(1, len(losses) // 10)
    parts = (losses[:part], losses[-part:]) if losses.size else (np.full(1, np.nan),) * 2
    first, last = (float(one.mean()) for one in parts)
    summary = f"{first:.3f} nats a token in the first tenth, {last:.3f} in the last."
    if skipped := read_skipped(folder / file_names.TRAINING_LOG):
        named = ", ".join(f"{step} ({why})" for step, why in skipped.items())
        count = f"{len(skipped)} step{'s' if len(skipped) > 1 else ''}"
        summary += f" The guard left out {count}: {named}."
    return Check(
        name="loss_finite_and_falling",
        passed=bool(losses.size and np.isfinite(losses).all()) and (last < first or not must_fall),
        summary=summary,
    )
