"""How many documents were written on what, and in which form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import Rectangle

from alignment_dagster.report.html.plots.style import (
    FAINT,
    INK,
    figure_style,
    make_figure,
    render_svg,
    short_name,
    wrap_name,
)
from alignment_dagster.report.text import spaced

ROW = 0.21
"""Inches."""
MANY = 4
"""Forms whose names have room beside each other."""


@dataclass(frozen=True)
class CoverageGrid:
    """Documents by topic (down) and form (across)."""

    topics: Sequence[str]
    forms: Sequence[str]
    counts: Sequence[Sequence[int]]


def coverage_plot(grid: CoverageGrid, name: str) -> str:
    """A grid of counts, the darker the more; where there is no document the place is hatched."""
    counts = np.array(grid.counts, dtype=float)
    most = max(1.0, counts.max())
    with figure_style():
        figure, axes = make_figure(ROW * len(grid.topics) + 0.6)
        # half of the range: numbers in black can be read on the darkest place
        axes.pcolormesh(counts, cmap="Greys", vmin=0, vmax=2 * most, edgecolors="white")
        axes.invert_yaxis()
        for (row, column), count in np.ndenumerate(counts):
            if not count:
                axes.add_patch(_hatched(column, row))
            shown = "none" if not count else f"{count:,.0f}"
            axes.text(
                column + 0.5, row + 0.5, shown, ha="center", va="center", fontsize=7.5, color=INK
            )
        forms, topics = np.arange(len(grid.forms)) + 0.5, np.arange(len(grid.topics)) + 0.5
        axes.set_xticks(forms, [wrap_name(form) for form in grid.forms], fontsize=8)
        axes.set_yticks(topics, [short_name(topic) for topic in grid.topics], fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if len(grid.forms) > MANY:
            for label in axes.get_xticklabels():
                label.set(rotation=40, ha="right", rotation_mode="anchor")
        return render_svg(figure, name, _alternative_text(grid))


def _hatched(column: int, row: int) -> Rectangle:
    return Rectangle(
        (column, row), 1, 1, facecolor="white", edgecolor=FAINT, hatch="///", linewidth=0
    )


def _alternative_text(grid: CoverageGrid) -> str:
    rows = zip(grid.topics, grid.counts, strict=True)
    values = "; ".join(
        f"{spaced(topic)}: "
        + ", ".join(
            f"{spaced(form)} {count}" for form, count in zip(grid.forms, counts, strict=True)
        )
        for topic, counts in rows
    )
    return f"Documents by topic and form. {values}."
