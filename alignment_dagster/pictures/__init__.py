"""Small pictures of what an asset holds, for its page in Dagster: PNG, same numbers, same bytes.

They go into every materialization's metadata, so they are a few kilobytes each. Importing this
takes a second (matplotlib); it is imported where a picture is drawn.
"""

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from alignment_dagster.evaluation.report.plots.style import (
    FAINT,
    INK,
    grid,
    look,
    looks,
    new_figure,
    plain,
    rows_of,
    style,
)
from alignment_dagster.evaluation.results import ResultRow

WIDTH = 6.0
DOTS = 80
"""A dot is a pixel."""
MOST_ROWS = 24
BINS = 40


def shares(found: Mapping[str, float], what: str) -> bytes:
    """Horizontal bars of shares, 0 to 1, one for each name; `what` they are shares of."""
    names = list(found)[:MOST_ROWS]

    def draw(axes: Axes) -> None:
        values = [found[name] for name in names]
        axes.barh(range(len(names)), values, height=0.6, color=look(0).colour)
        for place, value in enumerate(values):
            axes.text(value, place, f" {value:.1%}", va="center", fontsize=8, color=INK)
        rows_of(axes, names)
        axes.set_xlim(0.0, max(1e-9, 1.15 * max(values, default=1.0)))
        axes.set_xlabel(f"share of {what}")
        grid(axes, "x")

    return _png(draw, 0.28 * len(names) + 0.5)


def histogram(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", what: str) -> bytes:
    """How often each size of `what` (positive numbers) occurs, on a logarithmic axis."""
    above = np.maximum(values, 1.0)
    edges = np.geomspace(1.0, max(2.0, float(above.max(initial=2.0))), BINS)

    def draw(axes: Axes) -> None:
        axes.hist(above, bins=edges.tolist(), color=look(0).colour)
        axes.set_xscale("log")
        axes.set_xlabel(what)
        axes.set_ylabel("documents")
        grid(axes, "y")

    return _png(draw, 1.7)


def losses(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> bytes:
    """The loss (in nats) over the steps of each stage, side by side in one figure."""

    def draw(axes: Axes) -> None:
        for name, own in looks(list(curves)).items():
            steps, values = curves[name]
            axes.plot(steps, values, color=own.colour, linestyle=own.dash, label=plain(name))
        axes.set_xlabel("step")
        axes.set_ylabel("loss (nats)")
        grid(axes)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)

    return _png(draw, 1.9)


def rates(rows: Sequence[ResultRow]) -> bytes:
    """Points with their 95 % intervals: a line for each recipe and suite, a mark for each stage."""
    lines = list(dict.fromkeys((row.recipe, row.suite) for row in rows))[:MOST_ROWS]
    stages = looks(list(dict.fromkeys(row.stage for row in rows)))

    def draw(axes: Axes) -> None:
        for number, (stage, own) in enumerate(stages.items()):
            off = (number - (len(stages) - 1) / 2) * 0.22
            own_rows = [row for row in rows if row.stage == stage]
            places = [
                (lines.index((row.recipe, row.suite)) + off, row)
                for row in own_rows
                if (row.recipe, row.suite) in lines
            ]
            heights = [place for place, _ in places]
            low, high = [r.ci_low for _, r in places], [r.ci_high for _, r in places]
            axes.hlines(heights, low, high, color=own.colour, linewidth=1.6)
            values = [row.value for _, row in places]
            axes.scatter(values, heights, color=own.colour, marker=own.marker, s=24, label=stage)
        rows_of(axes, [f"{recipe} {suite}" for recipe, suite in lines])
        axes.axvline(0.5, color=FAINT, zorder=0)
        axes.set_xlim(0.0, 1.0)
        axes.set_xlabel("misalignment rate, 95 % interval")
        grid(axes, "x")
        axes.figure.legend(loc="outside upper left", ncols=6, frameon=False, fontsize=8)

    return _png(draw, 0.42 * len(lines) + 0.5)


def _png(draw: Callable[[Axes], None], height: float) -> bytes:
    stream = io.BytesIO()
    with style():
        figure, axes = new_figure(height)
        figure.set_figwidth(WIDTH)
        draw(axes)
        figure.savefig(stream, format="png", dpi=DOTS, metadata={"Software": None})
    return stream.getvalue()
