"""What the recipes cost elsewhere."""

from dataclasses import replace

from markupsafe import Markup

from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.html.content import (
    Cell,
    Drawing,
    Figures,
    Pivot,
    Section,
    keep_filled,
)
from alignment_dagster.report.html.pivots import interval_cell, list_table, pivot
from alignment_dagster.report.html.plots.intervals import interval_plot
from alignment_dagster.report.html.plots.style import series_styles
from alignment_dagster.report.html.plots.tradeoff import TradeoffPoint, tradeoff_plot
from alignment_dagster.report.html.selection import (
    headline_rows_of_suite,
    headline_suites,
    recipe_names,
    stages_of,
    suite_description,
)
from alignment_dagster.report.rows import ComparisonRow, DriftRow, ReportData
from alignment_dagster.report.terminal_table import headline_prompt
from alignment_dagster.report.text import DASH, number, spaced
from alignment_dagster.study.suites import ACCURACY, HELD_OUT

INTRO = (
    "What the recipes cost or gain elsewhere: accuracy on questions with a correct answer (higher "
    "is better), and bits per byte on held-out documents (lower is better)."
)
SHOWN = 2
"""Figures that are not folded."""
MOST_SUITES = 2
"""Misalignment suites that capability is drawn against."""


def section(data: ReportData) -> Section:
    """Each capability by itself; against safety, equivalence and drift are folded."""
    drawings = (*_capability_drawings(data), *_tradeoff_drawings(data))
    return Section(
        "capability",
        "Capability against safety",
        INTRO,
        keep_filled(Figures(drawings[:SHOWN])),
        keep_filled(Figures(drawings[SHOWN:]), _equivalence_table(data), _drift_table(data)),
        "Capability against misalignment, equivalence, and drift",
    )


def _measures(data: ReportData) -> dict[str, str]:
    """Capability suite → what its values are."""
    accuracy = {r.suite: "accuracy" for r in data.results if r.metric == ACCURACY}
    losses = any(r.suite == HELD_OUT and r.metric == BITS_PER_BYTE for r in data.results)
    return accuracy | ({HELD_OUT: "bits per byte"} if losses else {})


def _tradeoff_drawings(data: ReportData) -> list[Drawing]:
    pairs = [
        (suite, measure)
        for suite in headline_suites(data)[:MOST_SUITES]
        for measure in _measures(data)
    ]
    return [
        _tradeoff_drawing(data, suite, measure, place)
        for place, (suite, measure) in enumerate(pairs)
    ]


def _tradeoff_drawing(data: ReportData, suite: str, measure: str, place: int) -> Drawing:
    safety = {(r.recipe, r.stage): r for r in headline_rows_of_suite(data.results, suite)}
    ability = {(r.recipe, r.stage): r for r in headline_rows_of_suite(data.results, measure)}
    stages = [s for s in stages_of(list(safety.values())) if any(s == at for _, at in ability)]
    ends = list(dict.fromkeys((*stages[:1], *stages[-1:])))
    places = [
        TradeoffPoint(recipe, stage, ability[recipe, stage], safety[recipe, stage])
        for recipe in recipe_names(data)
        for stage in ends
        if (recipe, stage) in ability and (recipe, stage) in safety
    ]
    label = f"{spaced(measure)}: {_measures(data)[measure]}"
    chances = (data.chances.get(measure), data.chances.get(suite))
    svg = tradeoff_plot(
        places, label, suite, series_styles(recipe_names(data)), f"plot-trade-{place}", chances
    )
    best = "Lower left is better." if measure == HELD_OUT else "Lower right is better."
    way = f"Open marks: {ends[0]}; filled: {ends[-1]}. " if len(ends) > 1 else ""
    title = f"{spaced(measure)} against {spaced(suite)}"
    caption = f"{way}Both with 95 % intervals. {best}"
    return Drawing(title, Markup(svg), caption, f"{suite}/STAGE/RECIPE", suite)


def _capability_drawings(data: ReportData) -> list[Drawing]:
    drawings = []
    for place, (suite, label) in enumerate(_measures(data).items()):
        prompt = headline_prompt(data.results, suite)
        rows = [row for row in data.results if row.suite == suite and row.prompt == prompt]
        svg = interval_plot(
            rows,
            label,
            series_styles(recipe_names(data)),
            f"plot-capability-{place}",
            whole=suite != HELD_OUT,
            chance=data.chances.get(suite),
        )
        caption = (
            "Documents that no recipe trained on, all sources together; lower is better."
            if suite == HELD_OUT
            else f"{suite_description(data, suite)}Higher is better."
        )
        trace = f"{suite}/STAGE/RECIPE"
        answers = "" if suite == HELD_OUT else suite
        drawings.append(Drawing(spaced(suite), Markup(svg), caption, trace, answers))
    return drawings


def _equivalence_table(data: ReportData) -> Pivot | None:
    """Comparisons with a declared margin, under the headline prompt."""
    rows = [
        row
        for row in data.comparisons
        if row.equivalent is not None and row.prompt == headline_prompt(data.results, row.suite)
    ]
    return list_table(
        "Is there no cost? Two one-sided tests at 5 %: shown where the difference surely is "
        "smaller than the declared margin. Not shown does not mean that there is a cost.",
        ("recipes",),
        ("difference", "margin", "equivalent"),
        rows,
        lambda r: (r.suite, r.stage, f"{r.recipe} less {r.against}"),
        _equivalence_cells,
        grouped=2,
    )


def _equivalence_cells(row: ComparisonRow) -> tuple[Cell, ...]:
    difference = interval_cell(row, 3, signed=True)
    margin = DASH if row.margin is None else f"±{number(row.margin, 3)}"
    return difference, Cell(margin), Cell("shown" if row.equivalent else "not shown")


def _drift_table(data: ReportData) -> Pivot | None:
    """Held-out bits per byte of each source; later stages with their change since the first."""
    stages = stages_of(data.drift)
    first = {(r.recipe, r.source): r.value for r in data.drift if r.stage == stages[0]}
    return pivot(
        "Perplexity drift: held-out bits per byte by source, with 95 % intervals; below them the "
        "change since the first stage.",
        ("recipe",),
        stages,
        sorted(data.drift, key=lambda r: (r.source == HELD_OUT, r.source)),
        lambda r: (r.source, r.recipe),
        lambda r: r.stage,
        lambda r: _drift_cell(r, first.get((r.recipe, r.source)) if r.stage != stages[0] else None),
        grouped=1,
    )


def _drift_cell(row: DriftRow, start: float | None) -> Cell:
    cell = interval_cell(row, 3)
    if start is None:
        return cell
    return replace(cell, note=f"change {number(row.value - start, 3, signed=True)}")
