"""The picture of a source's drift: every value as a multiple of what it warns above."""

from collections.abc import Sequence
from math import ceil, log10
from pathlib import Path

from matplotlib.axes import Axes

from alignment_dagster.drift.judging import Judged, Outcome
from alignment_dagster.evaluation.report.plots.style import (
    FAINT,
    INK,
    Look,
    grid,
    look,
    new_figure,
    plain,
    style,
)

LOOKS: dict[Outcome, Look] = {"within": look(0), "warns": look(4), "blocks": look(1)}
WIDTH = 6.5
INCHES = 0.21
"""Of a row."""
DOTS = 80
"""A dot is a pixel; small, since the picture goes into every materialization's metadata."""
LINEAR = 0.1
"""Below this multiple the axis is linear, so that zero has a place on it."""


def draw(rows: Sequence[Judged], path: Path) -> None:
    """Write the picture as PNG; what was not compared is left out."""
    shown = [row for row in rows if row.outcome != "not_compared"]
    with style():
        figure, axes = new_figure(0.7 + INCHES * len(shown))
        figure.set_figwidth(WIDTH)
        _bounds(axes, shown)
        _values(axes, shown)
        _scale(axes, shown)
        figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=8)
        figure.savefig(path, format="png", dpi=DOTS, metadata={"Software": None})


def _bounds(axes: Axes, shown: Sequence[Judged]) -> None:
    axes.axvline(1.0, color=INK, linewidth=1.0, label="warns above")
    blocks = [(place, row.block / row.warn) for place, row in enumerate(shown) if row.block]
    axes.scatter(
        [multiple for _, multiple in blocks],
        [place for place, _ in blocks],
        marker="|",
        s=90,
        color=LOOKS["blocks"].colour,
        label="blocks above",
    )


def _values(axes: Axes, shown: Sequence[Judged]) -> None:
    for outcome, own in LOOKS.items():
        places = [place for place, row in enumerate(shown) if row.outcome == outcome]
        values = [shown[place].of_warning for place in places]
        axes.hlines(places, 0.0, values, color=FAINT, linewidth=2.0, zorder=1)
        axes.scatter(values, places, color=own.colour, marker=own.marker, s=26, label=outcome)


def _scale(axes: Axes, shown: Sequence[Judged]) -> None:
    furthest = max(max(row.of_warning, (row.block or 0.0) / row.warn) for row in shown)
    ticks = [0.0, *(10.0**power for power in range(-1, ceil(log10(max(furthest, 1.0))) + 1))]
    axes.set_yticks(range(len(shown)), [_name(row) for row in shown], fontsize=8)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xscale("symlog", linthresh=LINEAR)
    axes.set_xlim(left=0.0)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.set_xlabel("as a multiple of what it warns above")
    grid(axes, "x")


def _name(row: Judged) -> str:
    return plain(f"{row.measure}: {row.column}" if row.measure == "scores" else row.column)
