"""What Dagster's pages show of `scored_corpus`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """How many documents each scorer marked, and the range of each score."""
    rows = []
    for name in study.scorers:
        found = read_tables(shard_files(artifact, file_names.scores(name)))
        rows += [_summary(name, column, found[column]) for column in found.column_names[1:]]
    columns = ["scorer", "column", "mean", "lowest", "highest"]
    words = read_tables(shard_files(artifact, "text_stats"), ["words"])["words"].to_numpy()
    return {
        "plot": drawing(charts.histogram(words, "words"), "words in a document"),
        "dagster/row_count": found.num_rows,
        "scores": dg.MetadataValue.md(table(rows, columns)),
    }


def _summary(name: str, column: str, values: pa.ChunkedArray) -> dict[str, Any]:
    row = {"scorer": name, "column": column, "mean": None, "lowest": None, "highest": None}
    if pa.types.is_string(values.type):
        return {**row, "mean": f"{pc.count_distinct(values).as_py():,} distinct"}
    if pa.types.is_nested(values.type):
        return {**row, "mean": f"{len(pc.list_flatten(values)):,} in all"}
    numbers = pc.cast(values, pa.float64())
    return {
        **row,
        "mean": pc.mean(numbers).as_py(),
        "lowest": pc.min(numbers).as_py(),
        "highest": pc.max(numbers).as_py(),
    }
