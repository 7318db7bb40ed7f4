"""What Dagster's pages show of `curated_mix`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.mixing.mix import read_composition
from alignment_dagster.mixing.treated_tokens import read_treated
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """What the mix is made of, by source, and how its tokens are treated, by rule."""
    rows = read_composition(artifact.path)
    tokens = sum(row["tokens"] for row in rows)
    columns = ["source", "group", "documents", "tokens", "share"]
    shares = {row["source"]: row["share"] for row in rows}
    treated = read_treated(artifact.path)
    kinds = ["rule", "treatment", "tag", "source", "documents", "tokens"]
    return {
        **({"treated": dg.MetadataValue.md(table(treated, kinds))} if treated else {}),
        "plot": drawing(charts.shares(shares, "share of the tokens"), "shares"),
        "tokens": tokens,
        "sequences": tokens // study.mix(recipe_of(artifact.partition)).sequence_length,
        "documents": sum(row["documents"] for row in rows),
        "composition": dg.MetadataValue.md(table(rows, columns)),
        **_redacted(artifact),
    }


def _redacted(artifact: Artifact) -> Mapping[str, Any]:
    """Of each kind that was taken out: in how many documents, and how much."""
    if file_names.REDACTIONS not in artifact.manifest.files:
        return {}
    found = pq.read_table(artifact.path / file_names.REDACTIONS).group_by("kind")
    sums = [("document_id", "count"), ("spans", "sum"), ("characters", "sum")]
    columns = ["kind", "documents", "spans", "characters"]
    rows = found.aggregate(sums).rename_columns(columns).sort_by("kind").to_pylist()
    return {"redacted": dg.MetadataValue.md(table(rows, columns))} if rows else {}
