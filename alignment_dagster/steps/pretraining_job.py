"""What every pretraining is told and checked for, be it of a trunk or of a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster import chain
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition, seed_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import PretrainJob

MODULE = "alignment_dagster.training.pretraining.pretrain"
IN_RANKS = "alignment_dagster.training.pretraining.rank_processes"


def declared(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The model, how it is trained, and the seed."""
    return {
        "model": study.declaration.model.model_dump(mode="json"),
        "pretraining": study.declaration.pretraining.model_dump(mode="json"),
        "sequence_length": study.declaration.mix.sequence_length,
        "seed": seed_of(partition),
    }


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
        "state": str(state) if state else None,
        "earlier": list(map(str, earlier)),
        "output": str(context.folder),
        "work": str(context.work),
    }
    job = PretrainJob.model_validate({**settings, **places})
    return context.run_job(IN_RANKS if job.pretraining.ranks > 1 else MODULE, job, mix)


def read_losses(folder: Path) -> NDArray[np.float64]:
    """The loss of each step [steps] that a training log holds."""
    log = pq.read_table(folder / file_names.TRAINING_LOG, columns=["loss"])
    losses: NDArray[np.float64] = log["loss"].to_numpy()
    return losses


def is_falling(losses: NDArray[np.float64]) -> Check:
    """Whether it is finite at every step, and lower in the last tenth than in the first."""
    part = max(1, len(losses) // 10)
    first, last = float(losses[:part].mean()), float(losses[-part:].mean())
    return Check(
        name="loss_finite_and_falling",
        passed=bool(np.isfinite(losses).all()) and last < first,
        summary=f"{first:.3f} nats a token in the first tenth, {last:.3f} in the last.",
    )
