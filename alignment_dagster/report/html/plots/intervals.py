"""Values with their intervals, from top to bottom."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from matplotlib.axes import Axes

from alignment_dagster.report.html.plots.style import (
    INK,
    SHADE,
    SeriesStyle,
    draw_chance,
    draw_grid,
    draw_legend,
    figure_style,
    label_rows,
    make_figure,
    marker,
    render_svg,
    short_name,
)
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import AttackRow
from alignment_dagster.report.text import Interval, interval_text, number, spaced
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


def interval_plot(
    rows: Sequence[ResultRow],
    label: str,
    styles: dict[str, SeriesStyle],
    name: str,
    whole: bool,
    chance: float | None = None,
) -> str:
    """Recipes from top to bottom in their colours, stages side by side: value, interval, seeds.

    Args:
        rows: one suite and prompt; rows of seeds are drawn as small open marks.
        label: of the horizontal axis.
        styles: recipe → its look, in the order from top to bottom.
        name: unique in the page.
        whole: draw the axis from 0 to 1.
        chance: the value of answers by chance.
    """
    recipes = [recipe for recipe in styles if any(row.recipe == recipe for row in rows)]
    stages = list(dict.fromkeys(row.stage for row in rows))
    room = 0.28 + 0.13 * max(2, len(stages))
    with figure_style():
        figure, axes = make_figure(0.9 + room * len(recipes))
        for place, (stage, shift) in enumerate(zip(stages, _offsets(len(stages)), strict=True)):
            axes.plot([], [], marker(place), color=INK, markersize=5.5, label=short_name(stage))
            for recipe in recipes:
                own = [row for row in rows if (row.recipe, row.stage) == (recipe, stage)]
                seeds = [row for row in own if row.seed is not None]
                pooled = [row for row in own if row.seed is None]
                height = recipes.index(recipe) + shift
                axes.scatter(
                    [row.value for row in seeds],
                    [height + BELOW] * len(seeds),
                    s=13,
                    facecolors="none",
                    edgecolors=INK,
                    linewidths=0.8,
                    zorder=4,
                )
                look = replace(styles[recipe], marker=marker(place))
                draw_intervals(axes, pooled, [height] * len(pooled), look)
        draw_chance(axes, chance, "x")
        label_rows(axes, recipes)
        _label_axes(axes, label, whole, len(stages) + 1)
        alternative = _alternative_text(
            label, [row for row in rows if row.seed is None], lambda row: row.recipe, chance
        )
        return render_svg(figure, name, alternative)


def attack_plot(
    rows: Sequence[AttackRow],
    attacks: Sequence[str],
    styles: dict[str, SeriesStyle],
    name: str,
    chance: float | None = None,
) -> str:
    """Attacks from top to bottom, recipes side by side; the worst case on a shaded ground.

    Args:
        rows: one suite and stage.
        attacks: the order from top to bottom.
        styles: recipe → its look, in the order of the legend.
        name: unique in the page.
        chance: the share that one attempt breaks by chance.
    """
    recipes = [recipe for recipe in styles if any(row.recipe == recipe for row in rows)]
    room = 0.14 + 0.11 * max(2, len(recipes))
    with figure_style():
        figure, axes = make_figure(0.9 + room * len(attacks))
        for recipe, shift in zip(recipes, _offsets(len(recipes)), strict=True):
            own = [row for row in rows if row.recipe == recipe]
            at = [attacks.index(row.attack) + shift for row in own]
            draw_intervals(axes, own, at, styles[recipe], short_name(recipe))
        draw_chance(axes, chance, "x")
        label_rows(axes, attacks)
        if WORST_CASE in attacks:
            worst = list(attacks).index(WORST_CASE)
            axes.axhspan(worst - 0.5, worst + 0.5, color=SHADE, zorder=0)
            axes.get_yticklabels()[worst].set_fontweight("bold")
        label = "share of items broken"
        _label_axes(axes, label, True, 2)
        return render_svg(
            figure,
            name,
            _alternative_text(label, rows, lambda row: f"{row.recipe}, {row.attack}", chance),
        )


def draw_intervals(
    axes: Axes,
    rows: Sequence[Interval],
    at: Sequence[float],
    own: SeriesStyle,
    label: str | None = None,
) -> None:
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
        label=label,
    )


def _offsets(many: int) -> list[float]:
    step = 0.8 / max(2, many)
    return [(place - (many - 1) / 2) * step for place in range(many)]


def _label_axes(axes: Axes, label: str, whole: bool, columns: int) -> None:
    axes.set_xlabel(label)
    if whole:
        axes.set_xlim(-0.02, 1.02)
    draw_grid(axes, "x")
    draw_legend(axes, columns)


def _alternative_text(
    label: str, rows: Sequence[R], of: Callable[[R], str], chance: float | None
) -> str:
    values = "; ".join(f"{spaced(of(row))}, {row.stage}: {interval_text(row)}" for row in rows)
    by_chance = "" if chance is None else f" By chance: {number(chance, 2)}."
    return f"{label} with 95 % intervals. {values}.{by_chance}"
