"""What Dagster's pages show of `raw_corpus`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.corpus.canaries import planted_documents
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """Counts, how long documents are, and the first of them as a table."""
    source = study.source(artifact.partition or "")
    columns = ["path", "line", "characters", "text"]
    shards = shard_files(artifact, file_names.RAW_DOCUMENTS)
    planted = {
        f"planted_{one.name}": len(planted_documents(one, study.assets))
        for one in study.canaries_in(source.name)
    }
    head = next(pq.ParquetFile(shards[0]).iter_batches(5, columns=columns)).to_pylist()
    characters = read_tables(shards, ["characters"])["characters"]
    lengths = charts.histogram(characters.to_numpy(), "characters")
    repeats, quarantine = (
        read_tables(shard_files(artifact, table))
        for table in (file_names.REPEATS, file_names.QUARANTINE)
    )
    rows = len(characters) + repeats.num_rows + quarantine.num_rows
    reasons = pc.value_counts(quarantine["reason"]).to_pylist()
    counted = [{"reason": one["values"], "rows": one["counts"]} for one in reasons]
    counted.sort(key=lambda one: (-one["rows"], one["reason"]))
    return {
        "plot": drawing(lengths, "characters in a document"),
        "dagster/row_count": len(characters),
        "raw_rows": rows,
        "characters": pc.sum(characters).as_py() or 0,
        "shards": len(shards),
        **planted,
        "quarantined_rows": quarantine.num_rows,
        "quarantine": dg.MetadataValue.md(table(counted[:20], ["reason", "rows"])),
        "licence": source.licence,
        "first_documents": dg.MetadataValue.md(table(head, columns)),
    }
