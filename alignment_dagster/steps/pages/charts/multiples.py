"""A source's drift: every value as a multiple of what it warns above."""

from collections.abc import Sequence
from math import log10

from alignment_dagster.drift.thresholds import BoundedChange
from alignment_dagster.steps.pages.charts.markdown import longest
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

OUTCOMES = {"within": 0, "warns": 4, "blocks": 1}
"""The colour of each."""
LEAST = 0.1
"""Where the logarithmic axis begins: what is below has no bar."""


def multiples(rows: Sequence[BoundedChange]) -> bytes:
    """The values that moved furthest (of those that were compared), the furthest first."""
    ordered = sorted(rows, key=lambda row: -row.of_warning)
    return longest(lambda lines: _drawn(ordered[:lines], len(rows)), min(len(ordered), MOST_LINES))


def _drawn(shown: Sequence[BoundedChange], of: int) -> bytes:
    blocks = [(row.block or 0.0) / row.warn for row in shown]
    furthest = max([10.0, *blocks, *(row.of_warning for row in shown)])
    foot = LINE * (len(shown) + 1)
    bars = by_outcome(
        [row.outcome for row in shown],
        [
            f"M{LEFT} {LINE * place + 9}h{_across(row.of_warning, furthest)}"
            for place, row in enumerate(shown)
        ],
        OUTCOMES,
        foot + LINE,
        " stroke-width='8'",
    )
    marks = "".join(
        f"M{LEFT + _across(block, furthest)} {LINE * place + 3}v12"
        for place, block in enumerate(blocks)
        if block
    )
    bound = f"M{LEFT + _across(1.0, furthest)} 0V{foot - LINE}"
    texts = [
        column([plain(row.column) for row in shown], LINE),
        label(0, foot, f"gray line warns, black blocks (log){some(len(shown), of)}"),
    ]
    return svg(foot + LINE + 5, path(bound, "silver"), bars, path(marks, "black"), *texts)


def _across(multiple: float, furthest: float) -> int:
    """Pixels from the left."""
    share = log10(max(multiple, LEAST) / LEAST) / log10(furthest / LEAST)
    return round(share * (WIDTH - LEFT))
