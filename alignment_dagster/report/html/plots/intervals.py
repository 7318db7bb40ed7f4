"""Values with their intervals, from top to bottom."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from matplotlib.axes import Axes

from alignment_dagster.report.html.plots.style import (
    INK,
    SHADE,
    Look,
    grid,
    legend,
    look,
    new_figure,
    plain,
    rows_of,
    style,
    svg,
)
from alignment_dagster.report.html.text import Interval, listed, spaced
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import AttackRow
from alignment_dagster.study import WORST_CASE


class Measured(Interval, Protocol):
    """A value of a recipe at a stage."""

    @property
    def recipe(self) -> str: ...
    @property
    def stage(self) -> str: ...


R = TypeVar("R", bound=Measured)
BELOW = 0.12
"""Seeds stand so far below their pooled mark, in rows."""


def interval_plot(rows: Sequence[ResultRow], label: str, name: str, whole: bool) -> str:
    """Recipes from top to bottom, stages side by side: pooled value, interval, and each seed.

    Args:
        rows: one suite and prompt; rows of seeds are drawn as small open marks.
        label: of the horizontal axis.
        name: unique in the page.
        whole: draw the axis from 0 to 1.
    """
    recipes = list(dict.fromkeys(row.recipe for row in rows))
    stages = list(dict.fromkeys(row.stage for row in rows))
    room = 0.28 + 0.13 * max(2, len(stages))
    with style():
        figure, axes = new_figure(0.9 + room * len(recipes))
        for place, (stage, shift) in enumerate(zip(stages, _shifts(len(stages)), strict=True)):
            own = [row for row in rows if row.stage == stage]
            seeds = [row for row in own if row.seed is not None]
            axes.scatter(
                [row.value for row in seeds],
                [recipes.index(row.recipe) + shift + BELOW for row in seeds],
                s=13,
                facecolors="none",
                edgecolors=INK,
                linewidths=0.8,
                zorder=4,
            )
            pooled = [row for row in own if row.seed is None]
            at = [recipes.index(row.recipe) + shift for row in pooled]
            marks(axes, pooled, at, look(place), stage)
        rows_of(axes, recipes)
        _finish(axes, label, whole, len(stages))
        said = _said(label, [row for row in rows if row.seed is None], lambda row: row.recipe)
        return svg(figure, name, said)


def attack_plot(
    rows: Sequence[AttackRow],
    attacks: Sequence[str],
    styles: dict[str, Look],
    name: str,
) -> str:
    """Attacks from top to bottom, recipes side by side; the worst case on a shaded ground.

    Args:
        rows: one suite and stage.
        attacks: the order from top to bottom.
        styles: recipe → its look, in the order of the legend.
        name: unique in the page.
    """
    recipes = [recipe for recipe in styles if any(row.recipe == recipe for row in rows)]
    room = 0.14 + 0.11 * max(2, len(recipes))
    with style():
        figure, axes = new_figure(0.9 + room * len(attacks))
        for recipe, shift in zip(recipes, _shifts(len(recipes)), strict=True):
            own = [row for row in rows if row.recipe == recipe]
            at = [attacks.index(row.attack) + shift for row in own]
            marks(axes, own, at, styles[recipe], recipe)
        rows_of(axes, attacks)
        if WORST_CASE in attacks:
            worst = list(attacks).index(WORST_CASE)
            axes.axhspan(worst - 0.5, worst + 0.5, color=SHADE, zorder=0)
            axes.get_yticklabels()[worst].set_fontweight("bold")
        label = "share of items broken"
        _finish(axes, label, True, 2)
        return svg(figure, name, _said(label, rows, lambda row: f"{row.recipe}, {row.attack}"))


def marks(axes: Axes, rows: Sequence[Interval], at: Sequence[float], own: Look, label: str) -> None:
    """Each row's value at its height, with its interval."""
    axes.errorbar(
        [row.value for row in rows],
        list(at),
        xerr=[
            [max(0.0, row.value - row.ci_low) for row in rows],
            [max(0.0, row.ci_high - row.value) for row in rows],
        ],
        fmt=own.marker,
        color=own.colour,
        markersize=5.5,
        capsize=2.5,
        linewidth=1.3,
        label=plain(label),
    )


def _shifts(many: int) -> list[float]:
    step = 0.8 / max(2, many)
    return [(place - (many - 1) / 2) * step for place in range(many)]


def _finish(axes: Axes, label: str, whole: bool, columns: int) -> None:
    axes.set_xlabel(label)
    if whole:
        axes.set_xlim(-0.02, 1.02)
    grid(axes, "x")
    legend(axes, columns)


def _said(label: str, rows: Sequence[R], of: Callable[[R], str]) -> str:
    values = "; ".join(f"{spaced(of(row))}, {row.stage}: {listed(row)}" for row in rows)
    return f"{label} with 95 % intervals. {values}."
