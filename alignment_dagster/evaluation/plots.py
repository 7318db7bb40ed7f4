"""The report's figures as inline SVG: same numbers, same bytes.

Colours are Okabe and Ito's, and every colour goes with a marker, a line style or a hatch, so that
the figures hold for colour-blind readers and in grey print.
"""

import io
import re
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignment_dagster.evaluation.report_data import CompositionRow, LossPoint
from alignment_dagster.evaluation.results import ResultRow

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
INK, FAINT = "#222222", "#d9d9d9"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "alignment-dagster",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
WIDTH = 4.6
CURVE_POINTS = 120


def interval_plot(rows: Sequence[ResultRow], label: str, name: str, whole: bool) -> str:
    """Recipes from top to bottom, stages side by side: pooled value, interval, and each seed.

    Args:
        rows: one suite and prompt; rows of seeds are drawn as small open marks.
        label: of the horizontal axis.
        name: unique in the page; its prefix keeps the ids of figures apart.
        whole: draw the axis from 0 to 1.
    """
    recipes = list(dict.fromkeys(row.recipe for row in rows))
    stages = list(dict.fromkeys(row.stage for row in rows))
    step = 0.8 / max(2, len(stages))
    with mpl.rc_context(STYLE):
        figure, axes = _figure(0.9 + 0.52 * len(recipes))
        for number, stage in enumerate(stages):
            shift = (number - (len(stages) - 1) / 2) * step
            _draw_stage(axes, [row for row in rows if row.stage == stage], recipes, shift, number)
        axes.set_yticks(range(len(recipes)), [_wrapped(recipe) for recipe in recipes])
        axes.set_ylim(len(recipes) - 0.4, -0.6)
        axes.set_xlabel(label)
        if whole:
            axes.set_xlim(-0.02, 1.02)
        axes.xaxis.grid(True, color=FAINT, linewidth=0.7)
        axes.set_axisbelow(True)
        _legend(axes, len(stages))
        return _svg(figure, name)


def composition_plot(rows: Sequence[CompositionRow], name: str) -> str:
    """Each recipe's training tokens as one bar, stacked by group of documents."""
    recipes = list(dict.fromkeys(row.recipe for row in rows))
    groups = list(dict.fromkeys(row.group for row in rows))
    with mpl.rc_context(STYLE):
        figure, axes = _figure(0.9 + 0.4 * len(recipes))
        left = np.zeros(len(recipes))
        for number, group in enumerate(groups):
            shares = np.array(
                [
                    sum(r.share for r in rows if (r.recipe, r.group) == (one, group))
                    for one in recipes
                ]
            )
            axes.barh(
                range(len(recipes)),
                shares,
                left=left,
                height=0.62,
                color=OKABE_ITO[number % len(OKABE_ITO)],
                hatch=HATCHES[number % len(HATCHES)],
                edgecolor="white",
                label=group,
            )
            left += shares
        axes.set_yticks(range(len(recipes)), [_wrapped(recipe) for recipe in recipes])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the training tokens")
        _legend(axes, 2)
        return _svg(figure, name)


def loss_plot(points: Sequence[LossPoint], name: str) -> str:
    """Mean training loss over seeds, by tokens; the band spans the seeds."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(3.0)
        for number, recipe in enumerate(dict.fromkeys(point.recipe for point in points)):
            tokens, losses = _curves([point for point in points if point.recipe == recipe])
            colour = OKABE_ITO[number % len(OKABE_ITO)]
            dash = DASHES[number % len(DASHES)]
            mean = losses.mean(axis=0)
            axes.plot(tokens, mean, color=colour, linestyle=dash, linewidth=1.4, label=recipe)
            low, high = losses.min(axis=0), losses.max(axis=0)
            axes.fill_between(tokens, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set_xlabel("training tokens")
        axes.set_ylabel("loss, nats per token")
        axes.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        axes.grid(True, color=FAINT, linewidth=0.7)
        _legend(axes, 2)
        return _svg(figure, name)


def _draw_stage(
    axes: Axes, rows: Sequence[ResultRow], recipes: list[str], shift: float, number: int
) -> None:
    colour = OKABE_ITO[number % len(OKABE_ITO)]
    marker = MARKERS[number % len(MARKERS)]
    seeds = [row for row in rows if row.seed is not None]
    axes.scatter(
        [row.value for row in seeds],
        [recipes.index(row.recipe) + shift for row in seeds],
        s=13,
        facecolors="none",
        edgecolors=INK,
        linewidths=0.8,
        zorder=4,
    )
    pooled = [row for row in rows if row.seed is None]
    axes.errorbar(
        [row.value for row in pooled],
        [recipes.index(row.recipe) + shift for row in pooled],
        xerr=[
            [row.value - row.ci_low for row in pooled],
            [row.ci_high - row.value for row in pooled],
        ],
        fmt=marker,
        color=colour,
        markersize=5.5,
        capsize=2.5,
        linewidth=1.3,
        label=rows[0].stage,
    )


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


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height + 0.45), layout="constrained")
    return figure, figure.add_subplot()


def _legend(axes: Axes, columns: int) -> None:
    axes.figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=9)


def _wrapped(name: str) -> str:
    """A name in two lines where it is long; underscores become spaces."""
    words = name.split("_")
    if len(name) <= 14 or len(words) == 1:
        return " ".join(words)
    return " ".join(words[:-1]) + "\n" + words[-1]


def _svg(figure: Figure, name: str) -> str:
    """SVG for the inside of a page: no prolog, no name spaces, ids of its own, no fixed size."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=NO_METADATA, transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'( id=")|(url\(#)|(href="#)', lambda found: f"{found[0]}{name}-", text)
    return text.replace("<svg", '<svg aria-hidden="true"', 1)
