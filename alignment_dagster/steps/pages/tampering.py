"""What Dagster's pages show of `tampering`."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import Study
from alignment_dagster.training.tampering.checks import BITS_PER_BYTE, held_out_rows


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The curve of each suite, the loss of the training, and held-out loss at both ends."""
    curve = pq.read_table(artifact.path / file_names.CURVE).to_pylist()
    names = list(dict.fromkeys(row["suite"] for row in curve))
    rates: dict[tuple[str, int], dict[str, Any]] = {}
    for row in curve:
        at = rates.setdefault((row["tampering"], row["step"]), {**row, **dict.fromkeys(names)})
        at[row["suite"]] = row["value"]
    losses = [
        row
        for row in pq.read_table(artifact.path / file_names.TRAINING_LOG).to_pylist()
        if (row["stage"], row["step"]) in rates
    ]
    ends = held_out_rows(pq.read_table(artifact.path / file_names.LOSSES))
    md = dg.MetadataValue.md
    return {
        "plot": drawing(charts.curves(_curves(curve), "rate"), "erosion"),
        "dagster/row_count": pq.read_metadata(artifact.path / file_names.ITEMS).num_rows,
        "erosion": md(table(rates.values(), ["tampering", "step", "tokens", *names])),
        "loss_curve": md(table(losses, ["stage", "step", "tokens", "loss"])),
        "held_out": md(table(ends, ["tampering", "step", "source", BITS_PER_BYTE])),
        **job_measurements(artifact),
    }


def _curves(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of each suite under each tampering."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row in rows:
        steps, values = found.setdefault(f"{row['tampering']} {row['suite']}", ([], []))
        steps.append(row["step"])
        values.append(row["value"])
    return found
