"""What Dagster's pages show of `corpus_drift`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.drift import (
    messages,
    thresholds,
)
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study

SHOWN_TERMS = 15


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """What was measured, what is new, and the picture."""
    rows = pq.read_table(artifact.path / file_names.DRIFT).to_pylist()
    terms = pq.read_table(artifact.path / file_names.NEW_TERMS).slice(0, SHOWN_TERMS).to_pylist()
    columns = ["measure", "column", "then", "now", "value", "warn", "block", "outcome"]
    then = artifact.provenance.inputs.parents[2:]
    shown = {
        "compared_with": ", ".join(f"{one.asset}@{one.version}" for one in then) or messages.FIRST,
        "drift": dg.MetadataValue.md(table(rows, columns)),
        "new_terms": dg.MetadataValue.md(
            table(terms, ["term", "share_then", "share_now", "documents_now"])
        ),
    }
    compared = [thresholds.BoundedChange(**row) for row in rows if row["value"] is not None]
    if not compared:
        return shown
    return {"plot": drawing(charts.multiples(compared), "drift"), **shown}
