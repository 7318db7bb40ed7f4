"""What Dagster's pages show of `evaluation`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.evaluation.suites.loader import chance, load_suite, read_suite
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.results import ResultRow, replicate_rows
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import MISALIGNMENT_RATE, Study

MOST_ROWS = 50
"""Of those that are set aside, shown on a page."""


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """This replicate's rates and losses, with intervals over scenarios."""
    found = replicate_rows(study, artifact.path, artifact.partition)
    rows = [
        {**asdict(row), "95 % interval": f"{row.ci_low:.3f} to {row.ci_high:.3f}"} for row in found
    ]
    columns = ["suite", "stage", "prompt", "metric", "value", "95 % interval", "n"]
    return {
        **rates_plot(study, found),
        "dagster/row_count": pq.read_metadata(artifact.path / file_names.ITEMS).num_rows,
        "results": dg.MetadataValue.md(table(rows, columns)),
        **rows_set_aside(study),
        **job_measurements(artifact),
    }


def rows_set_aside(study: Study) -> dict[str, Any]:
    """A table of the rows of items files that no item was made of, where there are any."""
    rows = [
        {"suite": suite.name, **asdict(row)}
        for suite in study.asked_suites
        for row in read_suite(suite, study.assets).set_aside
    ]
    if not rows:
        return {}
    columns = ["suite", "path", "line", "reason", "sha256"]
    return {
        "rows_set_aside": len(rows),
        "set_aside": dg.MetadataValue.md(table(rows[:MOST_ROWS], columns)),
    }


def rates_plot(study: Study, rows: Sequence[ResultRow]) -> dict[str, Any]:
    """A picture of the misalignment rates, where there are any."""
    rates = [
        row
        for row in rows
        if row.metric == MISALIGNMENT_RATE and row.prompt == "none" and "/" not in row.suite
    ]
    if not rates:
        return {}
    return {
        "plot": drawing(
            charts.rates(rates, [recipe.name for recipe in study.recipes], _chances(study, rates)),
            "misalignment rates",
        )
    }


def _chances(study: Study, rows: Sequence[ResultRow]) -> dict[str, float]:
    """Suite → the rate of a model that answers by chance; of suites with options only."""
    drawn = {row.suite for row in rows}
    suites = (one for one in study.suites if one.has_options and one.name in drawn)
    return {one.name: chance(load_suite(one, study.assets)) for one in suites}
