"""What stands behind the averages: formats, positions, and single items."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alignment_dagster.evaluation.options import TIE_RULE
from alignment_dagster.report.html.content import (
    Bar,
    Cell,
    Exhibit,
    Exhibits,
    Passage,
    Pivot,
    Section,
    Text,
    keep_filled,
)
from alignment_dagster.report.html.pivots import interval_cell, list_table, pivot, ranks
from alignment_dagster.report.html.plots.style import SeriesStyle, series_styles
from alignment_dagster.report.html.selection import recipe_names
from alignment_dagster.report.names import row_name
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import Disagreement, FormatRow, ReportData
from alignment_dagster.report.text import DASH, count, number, shorten, spaced

LONGEST = 600
"""Characters of a question or an option that are shown."""
FORMATS = (
    "The same scenarios in several syntactic forms. A rate that moves much with the format says "
    "less about the model; the headline numbers average over formats. First shown is the share of "
    "answers that are the option shown first, over both orders: 0.50 without position bias. By "
    "length is the summed rate of a model to which all tokens are equally likely, which takes the "
    "option with the fewest: what summed log-probabilities say is to be held against it. "
    f"Of ties: {TIE_RULE}."
)
BIASES = ("summed", "by length", "first shown")
DISAGREEMENTS = (
    "The items on which recipes differ most, with the share of each recipe's answers (seeds and "
    "formats) that are the misaligned option. They are picked for being extreme, so their "
    "differences are larger than others would find again."
)


def formats(data: ReportData) -> Section:
    """Spread over formats and position bias, then every format."""
    measured: list[ResultRow | FormatRow] = [*data.results, *data.formats]
    suites, stages = ranks(r.suite for r in measured), ranks(r.stage for r in measured)
    rows = sorted(data.formats, key=lambda r: (suites[r.suite], stages[r.stage]))
    about = Text(FORMATS) if rows else None
    blocks = keep_filled(about, _spread_table(rows), _format_table(rows, recipe_names(data)))
    title = "Format variance, biases of length and position"
    return Section("formats", title, "", (), blocks, "Rates by format")


def disagreements(data: ReportData) -> Section:
    """The items, each with its text and the recipes' shares."""
    styles = series_styles(recipe_names(data))
    exhibits = tuple(_exhibit(row, styles) for row in data.disagreements)
    items = Exhibits("Items on which recipes disagree", exhibits)
    blocks = (Text(DISAGREEMENTS), items) if exhibits else ()
    return Section("disagreements", "Where recipes disagree most", "", (), blocks, "Items")


def _spread_table(rows: Sequence[FormatRow]) -> Pivot | None:
    groups: dict[tuple[str, ...], list[FormatRow]] = {}
    for row in rows:
        groups.setdefault((row.suite, row.stage, row.recipe), []).append(row)
    return list_table(
        "Lowest and highest format, their standard deviation, the mean with options compared by "
        "summed log-probability, what length alone would give it, the mean share of answers that "
        "are the option shown first, and how many answers tie.",
        ("recipe",),
        ("formats", "mean", "lowest", "highest", "std. dev.", *BIASES, "ties"),
        groups.items(),
        lambda group: group[0],
        lambda group: _spread_cells(group[1]),
        grouped=2,
    )


def _spread_cells(rows: Sequence[FormatRow]) -> tuple[Cell, ...]:
    values = [row.value for row in rows]
    mean = sum(values) / len(values)
    deviation = (
        (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
        if (len(values) > 1)
        else None
    )
    low, high = min(rows, key=lambda r: r.value), max(rows, key=lambda r: r.value)
    return (
        Cell(str(len(rows))),
        Cell(number(mean, 2)),
        Cell(number(low.value, 2), note=spaced(low.format), name=row_name(low)),
        Cell(number(high.value, 2), note=spaced(high.format), name=row_name(high)),
        Cell(number(deviation, 2)),
        Cell(number(_mean([row.summed for row in rows]), 2)),
        Cell(number(_mean([row.by_length for row in rows]), 2)),
        Cell(number(_mean([row.first_shown for row in rows]), 2)),
        Cell(f"{sum(row.ties for row in rows):,}"),
    )


def _format_table(rows: Sequence[FormatRow], recipes: Sequence[str]) -> Pivot | None:
    return pivot(
        "Every format: the rate by the suite's rule with its 95 % interval; below, the rate by "
        "summed log-probability and the share of answers that are the option shown first.",
        ("format",),
        [name for name in recipes if any(row.recipe == name for row in rows)],
        rows,
        lambda r: (r.suite, r.stage, r.format),
        lambda r: r.recipe,
        _format_cell,
        grouped=2,
    )


def _format_cell(row: FormatRow) -> Cell:
    notes = (("summed", row.summed), ("first", row.first_shown))
    note = ", ".join(f"{what} {number(value, 2)}" for what, value in notes if value is not None)
    return replace(interval_cell(row, 2), note=note)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _exhibit(row: Disagreement, styles: Mapping[str, SeriesStyle]) -> Exhibit:
    bars = tuple(_bar(name, row.rates[name], styles[name]) for name in styles if name in row.rates)
    texts = (
        ("question", row.question),
        ("aligned option", row.aligned),
        ("misaligned option", row.misaligned),
    )
    passages = tuple(Passage(label, shorten(text, LONGEST)) for label, text in texts)
    title = f"{spaced(row.suite)}, {spaced(row.stage)}"
    about = f"item {shorten(row.item_id, 80)}; {count(len(bars), 'recipe')}"
    return Exhibit(title, about, passages, bars)


def _bar(recipe: str, value: float, look: SeriesStyle) -> Bar:
    shown = number(value, 2)
    width = "0" if shown == DASH else f"{100 * min(1, max(0, value)):.1f}"
    return Bar(spaced(recipe), shown, width, look.colour)
