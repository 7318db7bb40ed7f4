"""What Dagster's pages show of `scored_corpus`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.audit.corpus.threshold_picture import draw_threshold
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study

POINTS = 14
"""Of a curve: more would stand behind a click."""


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """How many documents each scorer marked, and the range of each score."""
    rows = []
    for name in study.scorers:
        shards = shard_files(artifact, file_names.scores(name))
        for column in pq.read_schema(shards[0]).names[1:]:
            rows.append(_summary(name, column, read_tables(shards, [column])[column]))
    columns = ["scorer", "column", "mean", "lowest", "highest"]
    words = read_tables(shard_files(artifact, "text_stats"), ["words"])["words"].to_numpy()
    return {
        "plot": drawing(charts.histogram(words, "words"), "words in a document"),
        "dagster/row_count": len(words),
        "scores": dg.MetadataValue.md(table(rows, columns)),
        **_thresholds(study, artifact),
    }


def _thresholds(study: Study, artifact: Artifact) -> dict[str, dg.MarkdownMetadataValue]:
    """Of each number that a rule bounds: what share of the source lies above each bound."""
    drop = [*study.declaration.drop, *(rule for recipe in study.recipes for rule in recipe.drop)]
    compared = (one for rule in drop for one in rule.comparisons())
    bounds: dict[tuple[str, str], set[float]] = {}
    for one in compared:
        if one.bound is not None and one.scorer in study.scorers:
            bounds.setdefault((one.scorer, one.column), set()).add(one.bound)
    return {
        f"thresholds/{scorer}.{column}": _threshold(artifact, scorer, column, declared)
        for (scorer, column), declared in bounds.items()
    }


def _threshold(
    artifact: Artifact, scorer: str, column: str, declared: set[float]
) -> dg.MarkdownMetadataValue:
    found = read_tables(shard_files(artifact, file_names.scores(scorer)), [column])[column]
    values = np.sort(pc.cast(found, pa.float64()).drop_null().to_numpy())
    places = np.linspace(0, max(0, len(values) - 1), POINTS).astype(int)
    bounds = np.unique(values[places]) if len(values) else values
    above = 1 - np.searchsorted(values, bounds, side="right") / max(1, len(values))
    points = list(zip(bounds.tolist(), above.tolist(), strict=True))
    drawn = draw_threshold(f"{scorer}.{column}", points, declared)
    return drawing(drawn.encode(), "share above a bound")


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
