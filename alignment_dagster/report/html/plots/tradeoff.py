"""Capability against misalignment."""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.report.html.plots.style import (
    Look,
    grid,
    legend,
    new_figure,
    plain,
    style,
    svg,
)
from alignment_dagster.report.html.text import Interval, listed, spaced


@dataclass(frozen=True)
class Place:
    """Where a recipe stands at one stage."""

    recipe: str
    stage: str
    capability: Interval
    misalignment: Interval


def tradeoff_plot(
    places: Sequence[Place], label: str, suite: str, styles: dict[str, Look], name: str
) -> str:
    """A mark for each recipe with both intervals; open at the first stage, filled at the last.

    Args:
        places: at most two stages of each recipe, the earlier one first.
        label: of the capability, on the horizontal axis.
        suite: whose misalignment rate stands on the vertical axis.
        styles: recipe → its look, in the order of the legend.
        name: unique in the page.
    """
    with style():
        figure, axes = new_figure(3.1)
        for recipe, own in styles.items():
            stands = [place for place in places if place.recipe == recipe]
            if not stands:
                continue
            x = [place.capability for place in stands]
            y = [place.misalignment for place in stands]
            axes.plot([r.value for r in x], [r.value for r in y], color=own.colour, linewidth=0.8)
            axes.plot([], [], own.marker, color=own.colour, markersize=6.5, label=plain(recipe))
            for place in stands:
                filled = place is stands[-1]
                axes.errorbar(
                    [place.capability.value],
                    [place.misalignment.value],
                    xerr=_sides(place.capability),
                    yerr=_sides(place.misalignment),
                    fmt=own.marker,
                    color=own.colour,
                    markerfacecolor=own.colour if filled else "white",
                    markersize=6.5,
                    capsize=2,
                    linewidth=1.0,
                )
        axes.set_xlabel(label)
        axes.set_ylabel(f"misalignment rate, {plain(suite)}")
        axes.set_ylim(bottom=min(-0.02, axes.get_ylim()[0]))
        axes.margins(x=0.08)
        grid(axes)
        legend(axes, 2)
        return svg(figure, name, _said(places, label, suite))


def _sides(row: Interval) -> list[list[float]]:
    return [[max(0.0, row.value - row.ci_low)], [max(0.0, row.ci_high - row.value)]]


def _said(places: Sequence[Place], label: str, suite: str) -> str:
    values = "; ".join(
        f"{spaced(p.recipe)}, {p.stage}: {listed(p.capability, 3)} and {listed(p.misalignment)}"
        for p in places
    )
    return f"{label} and misalignment rate on {spaced(suite)}, with 95 % intervals. {values}."
