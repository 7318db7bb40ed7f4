"""The headline of a report as a small picture: rates with their intervals, drawn from numbers."""

from collections.abc import Mapping, Sequence
from html import escape

from alignment_dagster.audit.pages.answer_page import Picture
from alignment_dagster.foundation.visible_text import cut, visible
from alignment_dagster.report.colours import COLOURS
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.terminal_table import rows_in_headlines
from alignment_dagster.study import MISALIGNMENT_RATE

EDGE, ACROSS, ROW, HEAD, LETTERS = 6.0, 310.0, 15.0, 18.0, 44
WIDTH = EDGE + ACROSS + 54
"""So wide is a phone: names stand above their lines, and need no room beside them."""
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def headline_picture(rows: Sequence[ResultRow], chances: Mapping[str, float]) -> Picture | None:
    """The first misalignment suite: a group for each recipe in its colour, a line for each stage.

    Args:
        rows: of a report.
        chances: suite → the rate of answers by chance, drawn as a dotted line.

    Returns:
        None where a report has no misalignment rate.
    """
    shown = [row for row in rows_in_headlines(rows) if row.metric == MISALIGNMENT_RATE]
    shown = [row for row in shown if row.suite == shown[0].suite]
    if not shown:
        return None
    recipes = list(dict.fromkeys(row.recipe for row in shown))
    stages = list(dict.fromkeys(row.stage for row in shown))
    group = ROW * (len(stages) + 1) + 6
    height = HEAD + group * len(recipes) + 6
    chance = chances.get(shown[0].suite)
    parts = [_grid(height), _chance(chance, height)]
    for place, recipe in enumerate(recipes):
        top, colour = HEAD + group * place, COLOURS[place % len(COLOURS)]
        parts.append(_text(0, top + ROW * 0.7 + 4, cut(recipe, LETTERS)))
        own = {row.stage: row for row in shown if row.recipe == recipe}
        parts += [
            _mark(own[stage], top + ROW * (number + 1.7), colour, stage)
            for number, stage in enumerate(stages)
            if stage in own
        ]
    said = "; ".join(f"{row.recipe}, {row.stage}: {row.value:.2f}" for row in shown)
    said += "" if chance is None else f". By chance: {chance:.2f}"
    svg = (
        f'<svg class="headline" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(visible(said))}">{"".join(parts)}</svg>'
    )
    caption = f"Misalignment rate on {shown[0].suite} with 95 % intervals; lower is better."
    caption += "" if chance is None else f" Dotted: chance, {chance:.2f}."
    return Picture(svg, caption)


def _grid(height: float) -> str:
    lines = "".join(
        f'<line x1="{_x(at):g}" x2="{_x(at):g}" y1="{HEAD - 4:g}" y2="{height - 4:g}"/>'
        f'<text class="tick" x="{_x(at):g}" y="{HEAD - 7:g}">{at:g}</text>'
        for at in TICKS
    )
    return f'<g class="grid">{lines}</g>'


def _chance(value: float | None, height: float) -> str:
    if value is None:
        return ""
    at = f'x1="{_x(value):g}" x2="{_x(value):g}" y1="{HEAD - 4:g}" y2="{height - 4:g}"'
    return f'<line class="chance" {at}/>'


def _mark(row: ResultRow, y: float, colour: str, stage: str) -> str:
    at = f'y1="{y:g}" y2="{y:g}"'
    return (
        f'<line x1="{_x(row.ci_low):g}" x2="{_x(row.ci_high):g}" {at} stroke="{colour}" '
        'stroke-width="2"/>'
        f'<circle cx="{_x(row.value):g}" cy="{y:g}" r="4" fill="{colour}"/>'
        + _text(EDGE + ACROSS + 12, y + 4, stage)
    )


def _x(value: float) -> float:
    return round(EDGE + ACROSS * min(1.0, max(0.0, value)), 1)


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{escape(visible(text))}</text>'
