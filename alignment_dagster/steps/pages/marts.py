"""What Dagster's pages show of `marts`."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.graph.partitions import by_recipe
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.filter_quality import COLUMNS, measure_filter_quality
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import MISALIGNMENT_RATE, Study

ROWS = 15
"""Of a mart, that a page shows."""


def documents_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The first documents, how many are of each source, and the filter's quality by its tiers."""
    file = pq.ParquetFile(artifact.path / file_names.DOCUMENTS)
    head = pa.Table.from_batches([*islice(file.iter_batches(ROWS), 1)], file.schema_arrow)
    found = file.read(sorted({"source", *COLUMNS}))
    counts = pc.value_counts(found["source"]).to_pylist()
    shares = {row["values"]: row["counts"] / found.num_rows for row in counts}
    rows = [asdict(row) for row in measure_filter_quality(found)]
    columns = ["tier", "precision", "recall", "flagged", "documents"]
    quality = {"ai_discourse_filter": dg.MetadataValue.md(table(rows, columns))} if rows else {}
    described = _described(head, shares, "share of the documents")
    return {**described, **quality, "dagster/row_count": found.num_rows}


def composition_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The first rows, and each source's share of each mix."""
    found = pq.read_table(artifact.path / file_names.MIX_COMPOSITION)
    shares = {f"{row['recipe']} {row['source']}": row["share"] for row in found.to_pylist()}
    return _described(found, shares, "share of a mix's tokens")


def metrics_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The first rows, and the misalignment rates after post-training, over all seeds."""
    found = pq.read_table(artifact.path / file_names.METRICS)
    last = study.declaration.post_training.stages[-1]
    rates = {
        f"{row['recipe']} {row['suite']}": row["value"]
        for row in found.filter(_pooled_rates(last)).to_pylist()
    }
    return _described(found, rates, f"misalignment after {last.upper()}")


def _described(found: pa.Table, shares: Mapping[str, float], what: str) -> Mapping[str, Any]:
    """A mart's first rows, with its picture."""
    columns = [name for name in found.column_names if name not in ("document_id", "study")][:9]
    return {
        "plot": drawing(charts.shares(shares, what), what),
        "dagster/row_count": found.num_rows,
        "rows": dg.MetadataValue.md(table(found.slice(0, ROWS).to_pylist(), columns)),
    }


def dispositions_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """How many documents each recipe keeps, and what it drops by which rule."""
    rows, kept = [], {}
    for recipe in by_recipe(study):
        path = artifact.path / file_names.pretraining_part(recipe)
        found = pq.read_table(path, columns=["state", "rule"])
        kept[recipe] = pc.mean(pc.equal(found["state"], "kept")).as_py() or 0.0
        counts = found.group_by(["state", "rule"]).aggregate([([], "count_all")])
        rows += [
            {"recipe": recipe, "documents": row["count_all"], **row}
            for row in counts.sort_by([("state", "descending"), ("rule", "ascending")]).to_pylist()
        ]
    columns = ["recipe", "state", "rule", "documents"]
    plot = charts.shares(kept, "share of the documents that a recipe keeps")
    return {
        "plot": drawing(plot, "documents kept"),
        chain.DISPOSITIONS: dg.MetadataValue.md(table(rows, columns)),
    }


def _pooled_rates(stage: str) -> pc.Expression:
    # No constant: the first comparison with a text makes pyarrow import pandas.
    return (
        pc.field("seed").is_null()
        & (pc.field("stage") == stage)
        & (pc.field("metric") == MISALIGNMENT_RATE)
        & (pc.field("system_prompt") == "none")
    )
