"""What Dagster's pages show of `classifier`."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study

CURVES = ("precision", "recall", "share_flagged")
PERCENT = 100


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """What it learnt from and what it is worth on held-out documents, with the curve."""
    classifier = study.classifier(artifact.partition or "")
    found = {
        name: pq.read_table(artifact.path / f"{name}.parquet").to_pylist()
        for name in ("thresholds", "calibration", "confusion")
    }
    trained_on = ", ".join(
        f"{one.source} ({one.column or one.label})" for one in classifier.sources
    )
    shown = ["column", "bound", "flagged", "hits", "precision", "recall", "f1", "share_flagged"]
    bins = ["column", "from", "to", "documents", "mean_score", "mean_true"]
    return {
        "plot": drawing(_curve(found["thresholds"], classifier.columns), "recall and precision"),
        "trained_on": trained_on,
        "of": "held-out documents only; the others were learnt from, or left out",
        "documents": dg.MetadataValue.md(
            table(_documents(artifact), ["source", "label", "use", "documents"])
        ),
        "thresholds": dg.MetadataValue.md(table(found["thresholds"], shown)),
        "calibration": dg.MetadataValue.md(table(found["calibration"], bins)),
        "confusion": dg.MetadataValue.md(
            table(found["confusion"], ["label", "predicted", "documents"])
        ),
    }


def _curve(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> bytes:
    """Of one score what each bound gives; of classes the F1 of each."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row["column"] in columns:
            for name, value in _values(row, single=len(columns) == 1):
                lines.setdefault(name, []).append((round(row["bound"] * PERCENT), value))
    curves = {name: tuple(map(list, zip(*dots, strict=True))) for name, dots in lines.items()}
    return charts.curves(curves, "of 1", along="% bound")  # type: ignore[arg-type]


def _values(row: Mapping[str, Any], *, single: bool) -> Iterator[tuple[str, float]]:
    named = {name.replace("_", " "): row[name] for name in CURVES} if single else {}
    for name, value in (named or {row["column"]: row["f1"]}).items():
        if value is not None:
            yield name, value


def _documents(artifact: Artifact) -> list[dict[str, Any]]:
    """How many documents of each source were for what."""
    keys = ["source", "label", "use"]
    found = pq.read_table(artifact.path / file_names.EXAMPLES, columns=keys)
    counts = found.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    rows: list[dict[str, Any]] = counts.rename_columns([*keys, "documents"]).to_pylist()
    return rows
