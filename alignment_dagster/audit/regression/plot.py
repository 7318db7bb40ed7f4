"""The gate in one picture: every change with its interval, beside the margin."""

from collections.abc import Sequence
from pathlib import Path

from alignment_dagster.audit.regression.testing import Regression

SHOWN = 24
"""Numbers that fit; those that rose most."""


def write_plot(rows: Sequence[Regression], margin: float, path: Path) -> None:
    """A PNG of the numbers that rose most, the highest on top; none where there are none."""
    if not rows:
        return
    from alignment_dagster.evaluation.report.plots.intervals import marks
    from alignment_dagster.evaluation.report.plots.style import (
        INK,
        grid,
        legend,
        look,
        new_figure,
        rows_of,
        style,
    )

    shown = sorted(rows, key=lambda row: -row.change)[:SHOWN]
    kinds = [kind for kind in ("worse", "undecided", "no_worse") if _of(shown, kind)]
    with style():
        figure, axes = new_figure(0.6 + 0.34 * len(shown))
        for kind in kinds:
            own = _of(shown, kind)
            marks(axes, own, [shown.index(row) for row in own], look(LOOKS[kind]), kind)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.axvline(margin, color=INK, linewidth=0.8, linestyle="--", label="margin")
        rows_of(axes, [row.name for row in shown])
        axes.set_xlabel("misalignment rate, now less then")
        grid(axes, "x")
        legend(axes, 2)
        figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


LOOKS = {"no_worse": 0, "worse": 1, "undecided": 4}


def _of(rows: Sequence[Regression], kind: str) -> list[Regression]:
    return [row for row in rows if row.outcome == kind]
