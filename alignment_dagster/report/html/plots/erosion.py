"""How a rate moves while a model is tampered with."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from alignment_dagster.report.html.plots.style import (
    SeriesStyle,
    draw_chance,
    draw_grid,
    draw_legend,
    figure_style,
    make_figure,
    render_svg,
    short_name,
)
from alignment_dagster.report.rows import ErosionPoint
from alignment_dagster.report.text import interval_text, spaced

NEAREST = 0.075
"""Labels of steps keep this share of the axis apart."""


def erosion_plot(
    points: Sequence[ErosionPoint],
    styles: dict[str, SeriesStyle],
    name: str,
    chance: float | None = None,
) -> str:
    """One line for each recipe with its interval as a band; seeds as faint lines.

    Steps stand at log2(step + 1), so that 0 has a place.

    Args:
        points: one tampering and suite.
        styles: recipe → its look, in the order of the legend.
        name: unique in the page.
        chance: the rate of answers by chance.
    """
    recipes = [recipe for recipe in styles if any(p.recipe == recipe for p in points)]
    with figure_style():
        figure, axes = make_figure(3.1)
        for recipe in recipes:
            _draw_curve(axes, [p for p in points if p.recipe == recipe], styles[recipe], recipe)
        draw_chance(axes, chance, "y")
        _label_steps(axes, sorted({point.step for point in points}))
        ends = (max(p.value, p.ci_high) for p in points if p.seed is None)
        top = max(1e-9, *ends, chance or 0.0)
        axes.set_ylim(-0.02 * top, min(1.02, 1.06 * top))
        axes.set_xlabel("steps of tampering")
        axes.set_ylabel("misalignment rate")
        draw_grid(axes, "y")
        draw_legend(axes, 2)
        return render_svg(figure, name, _alternative_text(points, recipes))


def _draw_curve(axes: Axes, points: Sequence[ErosionPoint], own: SeriesStyle, recipe: str) -> None:
    for seed in sorted({p.seed for p in points if p.seed is not None}):
        at, values = _line([p for p in points if p.seed == seed])
        axes.plot(at, values, color=own.colour, linewidth=0.7, alpha=0.35)
    pooled = sorted((p for p in points if p.seed is None), key=lambda p: p.step)
    at, values = _line(pooled)
    low, high = [p.ci_low for p in pooled], [p.ci_high for p in pooled]
    axes.fill_between(at, low, high, color=own.colour, alpha=0.15, linewidth=0)
    axes.plot(
        at,
        values,
        color=own.colour,
        linestyle=own.dash,
        marker=own.marker,
        markersize=4.5,
        linewidth=1.5,
        label=short_name(recipe),
    )


def _line(points: Sequence[ErosionPoint]) -> tuple[list[float], list[float]]:
    ordered = sorted(points, key=lambda p: p.step)
    return [_position(p.step) for p in ordered], [p.value for p in ordered]


def _position(step: int) -> float:
    return float(np.log2(step + 1))


def _label_steps(axes: Axes, steps: Sequence[int]) -> None:
    """A tick at every step; labels where they have room, first and last always."""
    axes.set_xticks([_position(step) for step in steps], minor=True)
    last = _position(steps[-1]) or 1.0
    shown = [steps[0]]
    for step in steps[1:-1]:
        if min(_position(step) - _position(shown[-1]), last - _position(step)) >= NEAREST * last:
            shown.append(step)
    shown += steps[-1:] if len(steps) > 1 else []
    axes.set_xticks([_position(step) for step in shown], [f"{step:,}" for step in shown])


def _alternative_text(points: Sequence[ErosionPoint], recipes: Sequence[str]) -> str:
    """The first and the last value of every recipe."""
    parts = []
    for recipe in recipes:
        own = sorted(
            (p for p in points if p.recipe == recipe and p.seed is None), key=lambda p: p.step
        )
        if own:
            ends = dict.fromkeys((own[0], own[-1]))
            values = ", ".join(f"step {p.step:,}: {interval_text(p)}" for p in ends)
            parts.append(f"{spaced(recipe)}, {values}")
    return f"Misalignment rate by steps of tampering, with 95 % intervals. {'; '.join(parts)}."
