"""Numbers over the steps of a training."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from alignment_dagster.steps.pages.charts.markdown import longest
from alignment_dagster.steps.pages.charts.svg import (
    HEIGHT,
    HOLLOW,
    LEFT,
    WIDTH,
    colour,
    frame,
    label,
    legend_column,
    path,
    plain,
    some,
    svg,
)

POINTS, FEWEST, MOST_CURVES = 40, 8, 7
"""Of all curves together, and of each."""

Curve = tuple[Sequence[int], Sequence[float]]
"""Steps, and the value at each."""
Dot = tuple[float, float]


def curves(found: Mapping[str, Curve], unit: str, along: str = "steps") -> bytes:
    """Each named curve in its colour, all on the same axes.

    Args:
        unit: of the values.
        along: what is counted from left to right.
    """

    def draw(lines: int) -> bytes:
        return _curves(dict([*found.items()][:lines]), unit, along, len(found))

    return longest(draw, min(len(found), MOST_CURVES))


def _curves(found: Mapping[str, Curve], unit: str, along: str, of: int) -> bytes:
    points = max(FEWEST, POINTS // max(1, len(found)))
    dots = [_finite(*curve, points) for curve in found.values()]
    known = [dot for own in dots for dot in own] or [(1.0, 0.0)]
    last = max(1.0, max(step for step, _ in known))
    low, high = min(value for _, value in known), max(value for _, value in known)
    across, down = (WIDTH - LEFT) / last, HEIGHT / max(high - low, 1e-9)
    lines = [
        [(LEFT + round(step * across), 5 + round((high - value) * down)) for step, value in own]
        for own in dots
    ]
    parts = [path(_line(line), colour(place), HOLLOW) for place, line in enumerate(lines)]
    texts = [
        legend_column([plain(name) for name in found]),
        label(0, 15, f"{high:.2f} {unit}"),
        label(0, HEIGHT + 5, f"{low:.2f}"),
        label(WIDTH - 70, HEIGHT + 20, f"{last:,.0f} {along}"),
        *([label(0, HEIGHT + 20, some(len(found), of).strip())] if len(found) < of else []),
    ]
    return svg(HEIGHT + 25, frame(HEIGHT), *parts, *texts)


def _finite(steps: Sequence[int], values: Sequence[float], points: int) -> list[Dot]:
    """Evenly spaced steps with their values; a value that is no number is left out."""
    chosen = np.unique(np.linspace(0, len(steps) - 1, points, dtype=int))
    return [(float(steps[n]), float(values[n])) for n in chosen if np.isfinite(values[n])]


def _line(dots: Sequence[tuple[int, int]]) -> str:
    """A line through the dots, each after the first by its distance from the one before."""
    if not dots:
        return ""
    moves = " ".join(f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(dots))
    return f"M{dots[0][0]} {dots[0][1]}l{moves or '0 0'}".replace(" -", "-")
