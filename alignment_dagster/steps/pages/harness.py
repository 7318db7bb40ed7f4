"""What Dagster's pages show of `harness`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import Study


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """Every task's numbers."""
    rows = pq.read_table(artifact.path / file_names.SUMMARY).to_pylist()
    columns = ["task", "stage", "metric", "filter", "value", "samples"]
    values = {f"{row['task']} {row['stage']} {row['metric']}": row["value"] for row in rows}
    plot = charts.shares(values, "each task's number")
    return {
        "plot": drawing(plot, "results"),
        "dagster/row_count": pq.read_metadata(artifact.path / file_names.SAMPLES).num_rows,
        "results": dg.MetadataValue.md(table(rows, columns)),
        **job_measurements(artifact),
    }
