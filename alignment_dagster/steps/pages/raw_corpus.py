"""What Dagster's pages show of `raw_corpus`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """Counts, how long documents are, and the first of them as a table."""
    source = study.source(artifact.partition or "")
    columns = ["path", "line", "occurrences", "characters", "text"]
    documents = pq.read_table(artifact.path / file_names.DOCUMENTS, columns=columns)
    head = documents.slice(0, 5).to_pylist()
    lengths = charts.histogram(documents["characters"].to_numpy(), "characters")
    return {
        "plot": drawing(lengths, "characters in a document"),
        "dagster/row_count": documents.num_rows,
        "raw_rows": sum(documents["occurrences"].to_pylist()),
        "characters": sum(documents["characters"].to_pylist()),
        "licence": source.licence,
        "first_documents": dg.MetadataValue.md(table(head, columns)),
    }
