"""What Dagster's pages show of `pretrained_checkpoint`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import Study
from alignment_dagster.training.step_log import skipped_steps


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The loss over training, the trunk that it goes on from, and a recipe's own objective."""
    trunk = artifact.provenance.declared.get("trunk")
    before = {}
    if trunk:
        schedule = ", with a schedule of its own" if trunk.get("own_schedule") else ""
        before["trunk"] = f"{trunk['steps']} steps of {trunk['recipe']}{schedule}"
    return {**before, **loss_metadata("pretraining", artifact)}


def loss_metadata(stage: str, artifact: Artifact) -> Mapping[str, Any]:
    """A recipe's own objective and decoding, and the loss over the artifact's own steps, drawn and
    listed.

    Steps that a guard left out are named, and no part of the curve.
    """
    declared = artifact.provenance.declared
    own = {name: declared[name] for name in ("objective", "decoding") if declared.get(name)}
    log = pq.read_table(artifact.path / file_names.TRAINING_LOG)
    steps, skipped = log.num_rows, skipped_steps(log.to_pylist())
    log = log.filter(pc.invert(pc.is_in(log["step"], pa.array(skipped, pa.int64()))))
    named = {str(step): why for step, why in skipped.items()}
    return {
        **{name: dg.MetadataValue.json(value) for name, value in own.items()},
        "steps": steps,
        **({"skipped_steps": dg.MetadataValue.json(named)} if skipped else {}),
        **(_curve_metadata(stage, log) if log.num_rows else {}),
        **job_measurements(artifact),
    }


def _curve_metadata(stage: str, log: pa.Table) -> Mapping[str, Any]:
    rows = log.take(np.unique(np.linspace(0, log.num_rows - 1, 12, dtype=int))).to_pylist()
    columns = ["step", "tokens", "loss", "learning_rate", "gradient_norm"]
    curve = (log["step"].to_pylist(), log["loss"].to_pylist())
    return {
        "plot": drawing(charts.curves({stage: curve}, "nats"), "loss"),
        "final_loss": rows[-1]["loss"],
        "loss_curve": dg.MetadataValue.md(table(rows, columns)),
    }
