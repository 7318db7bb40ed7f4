"""What Dagster's pages show of `near_duplicates`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study

SHOWN = 15


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The largest clusters, some removed documents, and how often texts are repeated."""
    pairs = pq.read_table(artifact.path / file_names.NEAR_DUPLICATES)
    clusters = pq.read_table(artifact.path / file_names.CLUSTERS)
    removed = pairs.filter(pairs["removes"]).slice(0, SHOWN).to_pylist()
    largest = clusters.sort_by([("removed", "descending")]).slice(0, SHOWN).to_pylist()
    shown = {
        "dagster/row_count": pairs.num_rows,
        "largest_clusters": dg.MetadataValue.md(
            table(largest, ["document_id", "source", "removed"])
        ),
        "removed": dg.MetadataValue.md(table(removed, ["document_id", "earlier_id", "similarity"])),
    }
    if not clusters.num_rows:
        return shown
    sizes = clusters["removed"].to_numpy()
    plot = charts.histogram(sizes, "documents that repeat it", "kept texts")
    return {"plot": drawing(plot, "clusters of near duplicates"), **shown}
