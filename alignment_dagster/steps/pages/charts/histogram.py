"""How often each size occurs."""

from itertools import pairwise

import numpy as np

from alignment_dagster.steps.pages.charts.svg import (
    HEIGHT,
    HOLLOW,
    LEFT,
    WIDTH,
    colour,
    frame,
    label,
    path,
    plain,
    svg,
)

BINS = 30


def histogram(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]", what: str, of: str = "documents"
) -> bytes:
    """How often each size of `what` (positive numbers) occurs, on a logarithmic axis."""
    above = np.maximum(values, 1.0)
    highest = max(2.0, float(above.max(initial=2.0)))
    counts, _ = np.histogram(above, np.geomspace(1.0, highest, BINS + 1))
    most, wide = max(1, int(counts.max())), (WIDTH - LEFT) // BINS
    heights = [round(float(count) / most * HEIGHT) for count in [0, *counts, 0]]
    steps = "".join(f"v{low - high}h{wide}" for low, high in pairwise(heights))
    outline = path(f"M{LEFT} {HEIGHT + 5}{steps.removesuffix(f'h{wide}')}", colour(0), HOLLOW)
    texts = [
        label(0, 15, f"{most:,} {plain(of)}"),
        label(LEFT, HEIGHT + 20, "1"),
        label(WIDTH - 130, HEIGHT + 20, f"{highest:,.0f} {plain(what)} (log)"),
    ]
    return svg(HEIGHT + 25, frame(HEIGHT), outline, *texts)
