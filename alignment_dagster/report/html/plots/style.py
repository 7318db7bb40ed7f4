"""How every figure looks, and how it becomes SVG inside the page.

Colours stand for recipes and for nothing else; stages are told apart by their markers, groups of
documents by greys. Every colour goes with a marker or a line style, every grey with a hatch, so
that the figures hold for colour-blind readers and in grey print.
"""

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignment_dagster.foundation.visible_text import short, visible
from alignment_dagster.report.colours import COLOURS

GREYS = ("#505050", "#a8a8a8", "#d4d4d4", "#7c7c7c", "#bebebe", "#666666", "#e8e8e8")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
INK, FAINT, SHADE = "#222222", "#d9d9d9", "#eef0f3"
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
CHANCE = "chance"
WIDTH = 4.6
LONGEST_NAME = 40


@dataclass(frozen=True)
class SeriesStyle:
    """The colour of a recipe, and what tells it apart where colours do not."""

    colour: str
    marker: str
    dash: Any


def series_styles(recipes: Sequence[str]) -> dict[str, SeriesStyle]:
    """Each recipe's look, by its place; where colours come again, markers and lines differ."""
    return {
        recipe: SeriesStyle(
            COLOURS[place % len(COLOURS)],
            marker(place + place // len(COLOURS)),
            DASHES[(place + place // len(COLOURS)) % len(DASHES)],
        )
        for place, recipe in enumerate(recipes)
    }


def marker(place: int) -> str:
    """The mark of the so many-th recipe or stage."""
    return MARKERS[place % len(MARKERS)]


def shade(place: int) -> tuple[str, str]:
    """Grey and hatch of the so many-th group."""
    return GREYS[place % len(GREYS)], HATCHES[place % len(HATCHES)]


def make_figure(height: float) -> tuple[Figure, Axes]:
    """A figure of the page's width; the height, in inches, is that of its inside."""
    figure = Figure(figsize=(WIDTH, height + 0.45), layout="constrained")
    return figure, figure.add_subplot()


def draw_grid(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Faint lines behind what is drawn."""
    axes.grid(True, axis=axis, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)


def draw_chance(axes: Axes, chance: float | None, axis: Literal["x", "y"]) -> None:
    """A dotted line where a model would stand that answers by chance; none where there is none."""
    if chance is not None:
        draw = axes.axvline if axis == "x" else axes.axhline
        draw(chance, color=INK, linewidth=1.0, linestyle=":", zorder=1, label=CHANCE)


def draw_legend(axes: Axes, columns: int) -> None:
    """The legend above the figure, in at most so many columns; long names take one each."""
    handles, labels = axes.get_legend_handles_labels()
    room = 1 if any(len(label) > 26 for label in labels) else columns
    order = sorted(range(len(labels)), key=lambda at: labels[at] == CHANCE)
    axes.figure.legend(
        [handles[at] for at in order],
        [labels[at] for at in order],
        loc="outside upper left",
        ncols=room,
        frameon=False,
        fontsize=9,
    )


def label_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names down the vertical axis, the first one on top."""
    axes.set_yticks(range(len(names)), [wrap_name(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)


def short_name(name: str) -> str:
    """A name for a figure: underscores become spaces; a very long one is cut."""
    return short(name, LONGEST_NAME)


def wrap_name(name: str) -> str:
    """A name in two lines where it is long."""
    text = short_name(name)
    words = text.split(" ")
    if len(text) <= 14 or len(words) == 1:
        return text
    return " ".join(words[:-1]) + "\n" + words[-1]


def render_svg(figure: Figure, name: str, alternative: str) -> str:
    """SVG for the inside of a page: no prolog, no name spaces, ids of its own, no fixed size.

    Args:
        figure: what is drawn.
        name: unique in the page; its prefix keeps the ids of figures apart.
        alternative: what the figure says, in words, for those who do not see it.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=NO_METADATA, transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'( id=")|(url\(#)|(href="#)', lambda found: f"{found[0]}{name}-", text)
    label = html.escape(visible(alternative), quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def figure_style() -> Any:
    """The context in which figures are drawn."""
    return mpl.rc_context(STYLE)
