"""What the models read, and how their loss fell."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np

from alignment_dagster.report.html.plots.style import (
    SeriesStyle,
    draw_grid,
    draw_legend,
    figure_style,
    label_rows,
    make_figure,
    render_svg,
    shade,
    short_name,
)
from alignment_dagster.report.rows import CompositionRow, LossPoint
from alignment_dagster.report.text import number, spaced

CURVE_POINTS = 120


def composition_plot(rows: Sequence[CompositionRow], name: str) -> str:
    """Each recipe's training tokens as one bar, stacked by group of documents."""
    recipes = list(dict.fromkeys(row.recipe for row in rows))
    groups = list(dict.fromkeys(row.group for row in rows))
    share = {pair: 0.0 for pair in ((one, group) for one in recipes for group in groups)}
    for row in rows:
        share[row.recipe, row.group] += row.share
    with figure_style():
        figure, axes = make_figure(0.9 + 0.4 * len(recipes))
        left = np.zeros(len(recipes))
        for place, group in enumerate(groups):
            grey, hatch = shade(place)
            shares = np.array([share[recipe, group] for recipe in recipes])
            axes.barh(
                range(len(recipes)),
                shares,
                left=left,
                height=0.62,
                color=grey,
                hatch=hatch,
                edgecolor="white",
                label=short_name(group),
            )
            left += shares
        label_rows(axes, recipes)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the training tokens")
        draw_legend(axes, 2)
        values = "; ".join(
            f"{spaced(r)}, {spaced(g)}: {number(s, 2)}" for (r, g), s in share.items()
        )
        return render_svg(figure, name, f"Share of the training tokens by group. {values}.")


def loss_plot(points: Sequence[LossPoint], styles: dict[str, SeriesStyle], name: str) -> str:
    """Mean training loss over seeds, by tokens; the band spans the seeds."""
    ends = []
    with figure_style():
        figure, axes = make_figure(3.0)
        for recipe in [one for one in styles if any(point.recipe == one for point in points)]:
            own = styles[recipe]
            tokens, losses = _curves([point for point in points if point.recipe == recipe])
            mean = losses.mean(axis=0)
            axes.plot(
                tokens,
                mean,
                color=own.colour,
                linestyle=own.dash,
                marker=own.marker,
                markevery=max(1, len(tokens) // 8),
                markersize=4,
                linewidth=1.4,
                label=short_name(recipe),
            )
            low, high = losses.min(axis=0), losses.max(axis=0)
            axes.fill_between(tokens, low, high, color=own.colour, alpha=0.15, linewidth=0)
            ends.append(f"{spaced(recipe)}: {number(float(mean[-1]), 2)}")
        axes.set_xlabel("training tokens")
        axes.set_ylabel("loss, nats per token")
        axes.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        draw_grid(axes)
        draw_legend(axes, 2)
        return render_svg(figure, name, f"Training loss by tokens; at the end: {'; '.join(ends)}.")


def _curves(points: Sequence[LossPoint]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens [points] and losses [seeds, points], averaged in bins on a common grid."""
    seeds = sorted({point.seed for point in points})
    last = min(max(p.tokens for p in points if p.seed == seed) for seed in seeds)
    count = min(CURVE_POINTS, min(sum(p.seed == seed for p in points) for seed in seeds))
    edges = np.linspace(0, last, count + 1)
    curves = []
    for seed in seeds:
        own = sorted((p.tokens, p.loss) for p in points if p.seed == seed and p.tokens <= last)
        tokens, losses = np.array(own, dtype=np.float64).T
        bins = np.clip(np.searchsorted(edges, tokens) - 1, 0, count - 1)
        filled = np.bincount(bins, minlength=count)
        means = np.bincount(bins, losses, minlength=count) / np.maximum(filled, 1)
        middles = (edges[:-1] + edges[1:]) / 2
        curves.append(np.interp(middles, middles[filled > 0], means[filled > 0]))
    return (edges[:-1] + edges[1:]) / 2, np.array(curves)
