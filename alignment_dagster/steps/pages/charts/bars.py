"""Shares as horizontal bars."""

from collections.abc import Mapping

from alignment_dagster.steps.pages.charts.markdown import longest
from alignment_dagster.steps.pages.charts.svg import (
    LINE,
    MOST_LINES,
    WIDTH,
    colour,
    column,
    label,
    path,
    plain,
    some,
    svg,
)

LEFT, LONGEST_NAME = 225, 33
"""Wider than elsewhere: names of two parts (recipe and source) are told apart by their ends."""


def shares(found: Mapping[str, float], what: str) -> bytes:
    """A bar for each name's share, 0 to 1; `what` says of what."""
    return longest(lambda lines: _shares(found, what, lines), min(len(found), MOST_LINES))


def _shares(found: Mapping[str, float], what: str, lines: int) -> bytes:
    names = list(found)[:lines]
    most = max([*found.values(), 1e-9])
    bars = "".join(
        f"M{LEFT} {LINE * row + 9}h{round(found[name] / most * (WIDTH - LEFT))}"
        for row, name in enumerate(names)
    )
    return svg(
        LINE * (len(names) + 1) + 3,
        path(bars, colour(0), " stroke-width='10'"),
        column([f"{found[name]:.1%} {plain(name, LONGEST_NAME)}" for name in names], LINE),
        label(LEFT, LINE * len(names) + 13, what + some(len(names), len(found))),
    )
