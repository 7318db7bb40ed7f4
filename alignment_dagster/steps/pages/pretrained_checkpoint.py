"""What Dagster's pages show of `pretrained_checkpoint`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import Study


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The loss over training, the trunk that it goes on from, and a recipe's own objective."""
    trunk = artifact.provenance.declared.get("trunk")
    before = {"trunk": f"{trunk['steps']} steps of {trunk['recipe']}"} if trunk else {}
    return {**before, **loss_metadata("pretraining", artifact)}


def loss_metadata(stage: str, artifact: Artifact) -> Mapping[str, Any]:
    """A recipe's own objective and decoding, and the loss over the artifact's own steps, drawn and
    listed.
    """
    declared = artifact.provenance.declared
    own = {name: declared[name] for name in ("objective", "decoding") if declared.get(name)}
    log = pq.read_table(artifact.path / file_names.TRAINING_LOG)
    rows = log.take(np.unique(np.linspace(0, log.num_rows - 1, 12, dtype=int))).to_pylist()
    columns = ["step", "tokens", "loss", "learning_rate", "gradient_norm"]
    curve = (log["step"].to_pylist(), log["loss"].to_pylist())
    return {
        **{name: dg.MetadataValue.json(value) for name, value in own.items()},
        "plot": drawing(charts.curves({stage: curve}, "nats"), "loss"),
        "steps": log.num_rows,
        "final_loss": rows[-1]["loss"],
        "loss_curve": dg.MetadataValue.md(table(rows, columns)),
        **job_measurements(artifact),
    }
