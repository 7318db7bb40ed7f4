"""Capability against misalignment."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from alignment_dagster.report.text import Interval, interval_text, spaced


@dataclass(frozen=True)
class TradeoffPoint:
    """Where a recipe stands at one stage."""

    recipe: str
    stage: str
    capability: Interval
    misalignment: Interval


def tradeoff_plot(
    places: Sequence[TradeoffPoint],
    label: str,
    suite: str,
    styles: dict[str, SeriesStyle],
    name: str,
    chances: tuple[float | None, float | None],
) -> str:
    """A mark for each recipe with both intervals; open at the first stage, filled at the last.

    Args:
        places: at most two stages of each recipe, the earlier one first.
        label: of the capability, on the horizontal axis.
        suite: whose misalignment rate stands on the vertical axis.
        styles: recipe → its look, in the order of the legend.
        name: unique in the page.
        chances: capability and misalignment rate of answers by chance, where there are such.
    """
    with figure_style():
        figure, axes = make_figure(3.1)
        for recipe, own in styles.items():
            stands = [place for place in places if place.recipe == recipe]
            if not stands:
                continue
            x = [place.capability for place in stands]
            y = [place.misalignment for place in stands]
            axes.plot([r.value for r in x], [r.value for r in y], color=own.colour, linewidth=0.8)
            axes.plot(
                [], [], own.marker, color=own.colour, markersize=6.5, label=short_name(recipe)
            )
            for place in stands:
                filled = place is stands[-1]
                axes.errorbar(
                    [place.capability.value],
                    [place.misalignment.value],
                    xerr=_error_bar(place.capability),
                    yerr=_error_bar(place.misalignment),
                    fmt=own.marker,
                    color=own.colour,
                    markerfacecolor=own.colour if filled else "white",
                    markersize=6.5,
                    capsize=2,
                    linewidth=1.0,
                )
        draw_chance(axes, chances[0], "x")
        draw_chance(axes, chances[1], "y")
        axes.set_xlabel(label)
        axes.set_ylabel(f"misalignment rate, {short_name(suite)}")
        axes.set_ylim(bottom=min(-0.02, axes.get_ylim()[0]))
        axes.margins(x=0.08)
        draw_grid(axes)
        draw_legend(axes, 2)
        return render_svg(figure, name, _alternative_text(places, label, suite))


def _error_bar(row: Interval) -> list[list[float]]:
    return [[max(0.0, row.value - row.ci_low)], [max(0.0, row.ci_high - row.value)]]


def _alternative_text(places: Sequence[TradeoffPoint], label: str, suite: str) -> str:
    values = "; ".join(
        f"{spaced(p.recipe)}, {p.stage}: {interval_text(p.capability, 3)} "
        f"and {interval_text(p.misalignment)}"
        for p in places
    )
    return f"{label} and misalignment rate on {spaced(suite)}, with 95 % intervals. {values}."
