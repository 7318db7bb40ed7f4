"""The report: one self-contained HTML page, and the same numbers as JSON and Parquet.

The page needs no script and no network. All text in it is escaped; only the figures, drawn here
from numbers and declared names, are inserted as markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster.evaluation import report_tables
from alignment_dagster.evaluation.report_data import ReportData
from alignment_dagster.evaluation.report_tables import headline_rows, misalignment_suites
from alignment_dagster.evaluation.results import (
    ACCURACY,
    BITS_PER_BYTE,
    HELD_OUT,
    ResultRow,
    results_json,
    results_table,
)
from alignment_dagster.evaluation.table import headline_prompt

REPORT = "report.html"
RESULTS_JSON = "results.json"
RESULTS_PARQUET = "results.parquet"
TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Drawing:
    """A figure of the page."""

    title: str
    svg: Any
    caption: str


def write_report(data: ReportData, folder: Path) -> None:
    """Write `report.html`, `results.json` and `results.parquet`; same data, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(render(data), encoding="utf-8")
    (folder / RESULTS_JSON).write_text(results_json(data.results), encoding="utf-8")
    pq.write_table(results_table(data.results), folder / RESULTS_PARQUET, compression="zstd")


def render(data: ReportData) -> str:
    """The page as HTML."""
    # jinja2 and matplotlib take a second to import; the code location imports this module.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("alignment_dagster.evaluation", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(TEMPLATE).render(
        data=data,
        headline=report_tables.headline(data),
        spread=_spread(data.results),
        misalignment=_misalignment(data),
        capability=_capability(data),
        composition=_composition(data),
        curves=_curves(data),
        differences=report_tables.differences(data),
        dispositions=report_tables.dispositions(data.dispositions),
        filters=report_tables.filters(data.filter_quality),
        topics=report_tables.topics(data),
        everything=report_tables.everything(data),
    )


def _misalignment(data: ReportData) -> list[Drawing]:
    about = {suite.name: suite for suite in data.suites}
    drawings = []
    for suite in misalignment_suites(data):
        count = headline_rows(data.results, suite)[0].n
        known = f"{about[suite].description} " if suite in about else ""
        caption = (
            f"{known}{count} scenarios; system prompt: {headline_prompt(data.results, suite)}."
        )
        drawings.append(_intervals(data, suite, "misalignment rate", caption, whole=True))
    return drawings


def _capability(data: ReportData) -> list[Drawing]:
    about = {suite.name: suite.description for suite in data.suites}
    suites = dict.fromkeys(row.suite for row in data.results if row.metric == ACCURACY)
    drawings = [_intervals(data, suite, "accuracy", about.get(suite, ""), True) for suite in suites]
    if any(row.metric == BITS_PER_BYTE for row in data.results):
        caption = "Documents that no recipe trained on, all sources together; lower is better."
        drawings.append(_intervals(data, HELD_OUT, "bits per byte", caption, whole=False))
    return drawings


def _intervals(data: ReportData, suite: str, label: str, caption: str, whole: bool) -> Drawing:
    from alignment_dagster.evaluation.plots import interval_plot

    prompt = headline_prompt(data.results, suite)
    rows = [row for row in data.results if row.suite == suite and row.prompt == prompt]
    return _drawing(suite, interval_plot(rows, label, f"plot-{suite}", whole), caption)


def _composition(data: ReportData) -> list[Drawing]:
    from alignment_dagster.evaluation.plots import composition_plot

    if not data.composition:
        return []
    tokens = max(
        sum(row.tokens for row in data.composition if row.recipe == recipe)
        for recipe in {row.recipe for row in data.composition}
    )
    caption = f"Training tokens by group of documents; {tokens:,} tokens in each mix."
    return [_drawing("Mix composition", composition_plot(data.composition, "plot-mix"), caption)]


def _curves(data: ReportData) -> list[Drawing]:
    from alignment_dagster.evaluation.plots import loss_plot

    if not data.losses:
        return []
    caption = "Pretraining loss, mean over seeds; the band spans the seeds."
    return [_drawing("Loss curves", loss_plot(data.losses, "plot-loss"), caption)]


def _drawing(title: str, svg: str, caption: str) -> Drawing:
    from markupsafe import Markup

    return Drawing(report_tables.spaced(title), Markup(svg), caption)


def _spread(rows: Sequence[ResultRow]) -> str:
    seeds = max((row.seeds for row in rows), default=1)
    return f"{seeds} seeds and scenarios" if seeds > 1 else "scenarios only, as there is one seed"
