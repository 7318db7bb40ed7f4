"""What Dagster's pages show of `post_trained_checkpoint`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import Study


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The loss of each stage, as a picture and a short table."""
    rows = pq.read_table(artifact.path / file_names.TRAINING_LOG).to_pylist()
    chosen = rows[:: max(1, len(rows) // 12)]
    curves = {
        stage: ([row["step"] for row in own], [row["loss"] for row in own])
        for stage in chain.POST_TRAINING_STAGES
        if (own := [row for row in rows if row["stage"] == stage])
    }
    return {
        "plot": drawing(charts.curves(curves, "nats"), "loss"),
        "steps": len(rows),
        "loss_curve": dg.MetadataValue.md(table(chosen, ["stage", "step", "loss"])),
        **job_measurements(artifact),
    }
