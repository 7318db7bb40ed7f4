"""Small pictures of what an asset holds, for its page in Dagster: SVG, same numbers, same bytes.

Dagster shows Markdown at once below 1,000 characters, and behind a click from there on. That is
why these drawings are as terse as they can be: whole pixels, relative moves, one path a colour.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from alignment_dagster.evaluation.results import ResultRow
from alignment_dagster.pictures.svg import (
    HOLLOW,
    LEFT,
    WIDTH,
    colour,
    column,
    frame,
    label,
    legend,
    path,
    plain,
    svg,
)

HEIGHT, LINE = 110, 15
ROOM = 900
"""Characters that a drawing may have to be shown at once, with the address around it."""
POINTS, BINS, MOST_ROWS = 32, 30, 24


def shares(found: Mapping[str, float], what: str) -> bytes:
    """Horizontal bars of shares, 0 to 1, one for each name; `what` they are shares of."""
    names = list(found)[:MOST_ROWS]
    most = max([*found.values(), 1e-9])
    bars = "".join(
        f"M{LEFT} {LINE * row + 9}h{_whole(found[name] / most * (WIDTH - LEFT))}"
        for row, name in enumerate(names)
    )
    rows = [f"{found[name]:.1%} {plain(name)}" for name in names]
    below = label(LEFT, LINE * len(names) + 13, f"share of {what}")
    return svg(
        LINE * (len(names) + 1) + 3,
        path(bars, colour(0), " stroke-width='10'"),
        column(rows, LINE),
        below,
    )


def histogram(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", what: str) -> bytes:
    """How often each size of `what` (positive numbers) occurs, on a logarithmic axis."""
    above = np.maximum(values, 1.0)
    highest = max(2.0, float(above.max(initial=2.0)))
    counts, _ = np.histogram(above, np.geomspace(1.0, highest, BINS + 1))
    most, wide = max(1, int(counts.max())), (WIDTH - LEFT) // BINS
    heights = [_whole(count / most * HEIGHT) for count in [0, *counts, 0]]
    steps = "".join(f"v{low - high}h{wide}" for low, high in pairwise(heights))
    outline = path(f"M{LEFT} {HEIGHT + 5}{steps.removesuffix(f'h{wide}')}", colour(0), HOLLOW)
    texts = [
        label(0, 15, f"{most:,} documents"),
        label(LEFT, HEIGHT + 20, "1"),
        label(WIDTH - 130, HEIGHT + 20, f"{highest:,.0f} {plain(what)} (log)"),
    ]
    return svg(HEIGHT + 25, frame(HEIGHT), outline, *texts)


def losses(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> bytes:
    """The loss (in nats) over the steps of each stage, side by side in one figure."""
    dots = {stage: _finite(*curve) for stage, curve in curves.items()}
    known = [dot for own in dots.values() for dot in own] or [(1, 0.0)]
    last = max(step for step, _ in known)
    low, high = min(loss for _, loss in known), max(loss for _, loss in known)
    lines = [
        [
            (
                LEFT + _whole(step / last * (WIDTH - LEFT)),
                5 + _whole((high - loss) / max(high - low, 1e-9) * HEIGHT),
            )
            for step, loss in own
        ]
        for own in dots.values()
    ]
    parts = [path(_line(line), colour(place), HOLLOW) for place, line in enumerate(lines)]
    texts = [
        legend(HEIGHT // 2, [plain(stage) for stage in curves]),
        label(0, 15, f"{high:.2f} nats"),
        label(0, HEIGHT + 5, f"{low:.2f}"),
        label(WIDTH - 70, HEIGHT + 20, f"{last:,} steps"),
    ]
    return svg(HEIGHT + 25, frame(HEIGHT), *parts, *texts)


def _finite(steps: Sequence[int], losses: Sequence[float]) -> list[tuple[int, float]]:
    """Evenly spaced steps with their losses; a loss that is no number is left out."""
    chosen = np.unique(np.linspace(0, len(steps) - 1, POINTS, dtype=int))
    return [(steps[n], losses[n]) for n in chosen if np.isfinite(losses[n])]


def rates(rows: Sequence[ResultRow]) -> bytes:
    """Rates with their 95 % intervals, by recipe and suite, in a colour for each stage.

    Where there is no room for all suites, it is the first one's.
    """
    drawn = _rates(rows, {(row.recipe, row.suite): f"{row.recipe} {row.suite}" for row in rows}, "")
    if len(drawn) <= ROOM:
        return drawn
    suite = rows[0].suite
    first = {(row.recipe, suite): row.recipe for row in rows if row.suite == suite}
    return _rates(rows, first, f", {plain(suite)}")


def _rates(rows: Sequence[ResultRow], names: Mapping[tuple[str, str], str], of: str) -> bytes:
    """A line for each recipe and suite that has a name."""
    lines = list(names)[:MOST_ROWS]
    stages = list(dict.fromkeys(row.stage for row in rows))
    tall = 6 * len(stages) + 6
    foot = tall * len(lines) + LINE
    parts = [path(f"M{LEFT} 0V{foot - LINE}M{WIDTH} 0V{foot - LINE}", "silver")]
    for number, stage in enumerate(stages):
        marks = "".join(
            _interval(row, lines.index((row.recipe, row.suite)) * tall + 6 * number + 6)
            for row in rows
            if row.stage == stage and (row.recipe, row.suite) in lines
        )
        parts += [path(marks, colour(number))]
    texts = [
        column([plain(names[line]) for line in lines], tall),
        label(LEFT, foot, f"0 to 1: misalignment rate{of}"),
        legend(foot + LINE, [plain(stage) for stage in stages]),
    ]
    return svg(foot + LINE + 5, *parts, *texts)


def _interval(row: ResultRow, height: int) -> str:
    """The interval as a line, and the value as a tick across it."""
    low, value, high = (
        LEFT + _whole(share * (WIDTH - LEFT)) for share in (row.ci_low, row.value, row.ci_high)
    )
    return f"M{low} {height}H{high}M{value} {height - 3}v6"


def _line(dots: Sequence[tuple[int, int]]) -> str:
    """A line through the dots, each after the first by its distance from the one before."""
    if not dots:
        return ""
    moves = " ".join(f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(dots))
    return f"M{dots[0][0]} {dots[0][1]}l{moves or '0 0'}".replace(" -", "-")


def _whole(pixels: float) -> int:
    return round(float(pixels))
