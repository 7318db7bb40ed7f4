"""What MLflow was told while an artifact was made: kept beside it, to compare MLflow with later."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage.manifest import LOGGED
from alignment_dagster.lineage.metric import Data, Measured

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("value", pa.float64()),
        ("step", pa.int64()),
        ("dataset", pa.string()),
        ("digest", pa.string()),
        ("model_id", pa.string()),
    ]
)
"""A metric's value at a step, with name and hex SHA-256 of the data it was measured on."""


def table(metrics: Sequence[Measured]) -> pa.Table:
    """The metrics in the order in which they were logged."""
    rows = [
        {
            "name": one.name,
            "value": float(one.value),
            "step": one.step,
            "dataset": one.data.name if one.data else None,
            "digest": one.data.digest if one.data else None,
            "model_id": one.model_id,
        }
        for one in metrics
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def read_logged(folder: Path) -> list[Measured]:
    """The metrics that `table` wrote; none where MLflow was told nothing."""
    path = folder / LOGGED
    if not path.exists():
        return []
    return [
        Measured(
            row["name"],
            row["value"],
            row["step"],
            Data(row["dataset"], row["digest"]) if row["dataset"] else None,
            row["model_id"],
        )
        for row in pq.ParquetFile(path).read().to_pylist()
    ]
