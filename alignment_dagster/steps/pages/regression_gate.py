"""What Dagster's pages show of `regression_gate`."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.gate.outcome import read_outcome
from alignment_dagster.release.gate.paired_test import Regression
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study

CHANGES = (
    "recipe", "suite", "prompt", "then", "now", "change", "ci_low", "ci_high", "p_holm",
    "scenarios", "seeds", "outcome",
)  # fmt: skip

MOVED = ("recipe", "source", "added", "removed", "seen_more", "seen_less", "reweighted")

SHOWN = 40
"""Rows of a table on Dagster's page; the files have all."""


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The numbers, the plot, the flips and the data difference."""
    outcome = read_outcome(artifact)
    rows = pq.read_table(artifact.path / file_names.REGRESSIONS).to_pylist()
    difference = json.loads((artifact.path / file_names.DIFFERENCE).read_text(encoding="utf-8"))
    shown = {
        "outcome": outcome.sentence,
        "compared_with": outcome.reference or "nothing: no other report is approved",
        "rates": dg.MetadataValue.md(table(rows[:SHOWN], CHANGES)),
        "flipped_answers": outcome.flipped,
        "flips": dg.MetadataValue.path(str(artifact.path / file_names.FLIPS)),
        "not_compared": dg.MetadataValue.md(_lines_table(outcome.not_compared)),
    }
    if rows:
        plot = charts.changes([Regression(**row) for row in rows], outcome.margin)
        shown["plot"] = drawing(plot, "change")
    return {**shown, **_difference_metadata(difference)} if difference else shown


def _difference_metadata(difference: Mapping[str, Any]) -> Mapping[str, Any]:
    moved = difference["documents"]["by_source"]
    lines = [one["sentence"] for one in difference["differences"]]
    lines += [f"{one['suite']}: {one['items']} items {one['what']}" for one in difference["items"]]
    return {
        "what_differs": dg.MetadataValue.md(_lines_table(lines)),
        "documents": dg.MetadataValue.md(table(moved[:SHOWN], MOVED)),
    }


def _lines_table(lines: "tuple[str, ...] | list[str]") -> str:
    return table([{"": line} for line in lines[:SHOWN]], [""]) if lines else "nothing"
