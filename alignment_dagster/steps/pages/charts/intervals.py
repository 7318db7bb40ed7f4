"""Values with their 95 % intervals."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from alignment_dagster.report.colours import COLOURS
from alignment_dagster.report.results import TAMPERED, ResultRow
from alignment_dagster.steps.pages.charts.markdown import fits, longest
from alignment_dagster.steps.pages.charts.svg import (
    LEFT,
    LINE,
    MOST_LINES,
    WIDTH,
    by_outcome,
    column,
    label,
    path,
    plain,
    some,
    svg,
)

if TYPE_CHECKING:  # what answers are paired with takes seconds to import
    from alignment_dagster.release.gate.paired_test import Regression

Line = tuple[str, str]
"""Recipe and suite."""
VERDICTS = {"no_worse": 0, "worse": 1, "undecided": 4}
"""The colour of each outcome of the gate."""


def rates(rows: Sequence[ResultRow], recipes: Sequence[str], chances: Mapping[str, float]) -> bytes:
    """Rates by recipe and suite, each recipe in its colour, the stages below each other.

    Where there is no room, it is the first suite's; then those before tampering; then those of as
    many recipes as there is room for.

    Args:
        rows: the rates.
        recipes: in the order that gives them their colours.
        chances: suite → the rate of a model that answers by chance.
    """
    suite, stages = rows[0].suite, list(dict.fromkeys(row.stage for row in rows))
    untampered = [row for row in rows if TAMPERED not in row.stage] or rows
    note = some(len({row.stage for row in untampered}), len(stages), " stages")
    first = {(row.recipe, suite): row.recipe for row in rows if row.suite == suite}
    of = f", {plain(suite)}{note}"
    colours = {recipe: COLOURS[place % len(COLOURS)] for place, recipe in enumerate(recipes)}
    names = {(row.recipe, row.suite): f"{row.recipe} {row.suite}" for row in rows}
    drawings = (
        _rates(rows, names, colours, chances, ""),
        _rates(rows, first, colours, chances, f", {plain(suite)}"),
    )

    def draw(lines: int) -> bytes:
        shown = dict([*first.items()][:lines])
        return _rates(untampered, shown, colours, chances, of + some(lines, len(first)))

    fitting = next((drawn for drawn in drawings if fits(drawn)), None)
    return fitting or longest(draw, min(len(first), MOST_LINES))


def _rates(
    rows: Sequence[ResultRow],
    names: Mapping[Line, str],
    colours: Mapping[str, str],
    chances: Mapping[str, float],
    of: str,
) -> bytes:
    """A line for each recipe and suite that has a name, across what chance would give."""
    lines = list(names)
    stages = list(dict.fromkeys(row.stage for row in rows))
    tall = 6 * len(stages) + 6
    foot = tall * len(lines) + LINE
    parts = [path(f"M{LEFT} 0V{foot - LINE}M{WIDTH} 0V{foot - LINE}", "silver")]
    by_lot = _chance_lines([chances.get(suite) for _, suite in lines], tall)
    if by_lot:
        parts.append(path(by_lot, "gray", " stroke-dasharray='2'"))
        of += "; dashes: chance"
    for recipe in dict.fromkeys(recipe for recipe, _ in lines):
        marks = "".join(
            _interval(
                row,
                lines.index((row.recipe, row.suite)) * tall + 6 * stages.index(row.stage) + 6,
                0.0,
                1.0,
            )
            for row in rows
            if row.recipe == recipe and (row.recipe, row.suite) in lines
        )
        parts.append(path(marks, colours[recipe]))
    texts = [
        column([plain(names[line]) for line in lines], tall),
        label(LEFT, foot, f"0 to 1: misalignment rate{of}"),
        label(0, foot + LINE, f"downwards: {', '.join(plain(stage) for stage in stages)}"),
    ]
    return svg(foot + LINE + 5, *parts, *texts)


def _chance_lines(chances: Sequence[float | None], tall: int) -> str:
    """Downwards at what chance gives, as far as that is the same."""
    moves, place = "", 0
    for value, same in groupby(chances):
        count = len(list(same))
        if value is not None:
            moves += f"M{LEFT + _across(value, 0, 1)} {place * tall}v{count * tall}"
        place += count
    return moves


def changes(rows: "Sequence[Regression]", margin: float) -> bytes:
    """What the gate compared, now less then: those that rose most, beside zero and the margin."""
    ordered = sorted(rows, key=lambda row: -row.change)
    return longest(
        lambda lines: _changes(ordered[:lines], margin, len(rows)), min(len(rows), MOST_LINES)
    )


def _changes(shown: "Sequence[Regression]", margin: float, of: int) -> bytes:
    low = min(0.0, *(row.ci_low for row in shown))
    high = max(margin, *(row.ci_high for row in shown))
    foot = LINE * (len(shown) + 1)
    zero, bound = (LEFT + _across(value, low, high) for value in (0.0, margin))
    bounds = [
        path(f"M{zero} 0V{foot - LINE}", "silver"),
        path(f"M{bound} 0V{foot - LINE}", "silver", " stroke-dasharray='3'"),
    ]
    marks = by_outcome(
        [row.outcome for row in shown],
        [_interval(row, LINE * place + 9, low, high) for place, row in enumerate(shown)],
        VERDICTS,
        foot + LINE,
    )
    texts = [
        column([plain(row.name) for row in shown], LINE),
        label(0, foot, f"now less then; dashes: margin {margin:g}{some(len(shown), of)}"),
    ]
    return svg(foot + LINE + 5, *bounds, marks, *texts)


def _interval(row: "ResultRow | Regression", height: int, low: float, high: float) -> str:
    """The interval as a line, and the value as a tick across it."""
    left, value, right = (
        LEFT + _across(value, low, high) for value in (row.ci_low, row.value, row.ci_high)
    )
    return f"M{left} {height}H{right}M{value} {height - 3}v6"


def _across(value: float, low: float, high: float) -> int:
    return round((value - low) / max(high - low, 1e-9) * (WIDTH - LEFT))
