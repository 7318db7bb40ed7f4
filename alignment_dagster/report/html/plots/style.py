"""How every figure looks, and how it becomes SVG inside the page.

Colours are Okabe and Ito's, and every colour goes with a marker, a line style or a hatch, so that
the figures hold for colour-blind readers and in grey print.
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

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
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
WIDTH = 4.6
LONGEST_NAME = 40


@dataclass(frozen=True)
class SeriesStyle:
    """The colour of something, and what tells it apart where colours do not."""

    colour: str
    marker: str
    dash: Any
    hatch: str


def series_style(place: int) -> SeriesStyle:
    """The look of the so many-th recipe, stage or group."""
    return SeriesStyle(
        OKABE_ITO[place % len(OKABE_ITO)],
        MARKERS[place % len(MARKERS)],
        DASHES[place % len(DASHES)],
        HATCHES[place % len(HATCHES)],
    )


def series_styles(names: Sequence[str]) -> dict[str, SeriesStyle]:
    """Each name's look, by its place."""
    return {name: series_style(place) for place, name in enumerate(names)}


def make_figure(height: float) -> tuple[Figure, Axes]:
    """A figure of the page's width; the height, in inches, is that of its inside."""
    figure = Figure(figsize=(WIDTH, height + 0.45), layout="constrained")
    return figure, figure.add_subplot()


def draw_grid(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Faint lines behind what is drawn."""
    axes.grid(True, axis=axis, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)


def draw_legend(axes: Axes, columns: int) -> None:
    """The legend above the figure, in at most so many columns; long names take one each."""
    labels = axes.get_legend_handles_labels()[1]
    room = 1 if any(len(label) > 26 for label in labels) else columns
    axes.figure.legend(loc="outside upper left", ncols=room, frameon=False, fontsize=9)


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
