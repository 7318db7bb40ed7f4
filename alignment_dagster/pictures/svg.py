"""The pieces of a terse SVG drawing: lines, labels, and what holds them."""

import html
from collections.abc import Sequence

from alignment_dagster.visible import short

WIDTH, LEFT = 440, 140
"""Pixels of the whole drawing, and of its labels on the left."""
COLOURS = ("teal", "chocolate", "navy", "orchid", "orange", "gray", "black")
LONGEST_NAME = 24
HOLLOW = " fill='none'"


def svg(height: int, *parts: str) -> bytes:
    """The drawing, on white: the page's text may be light on dark."""
    start = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH + 9}' height='{height}'"
        " style='font:11px sans-serif;background:white;stroke-width:2'>"
    )
    return (start + "".join(parts) + "</svg>").encode()


def path(moves: str, colour: str, more: str = "") -> str:
    """Lines; what bends needs `HOLLOW`."""
    return f"<path d='{moves}' stroke='{colour}'{more}/>"


def frame(height: int) -> str:
    """The two axes."""
    return path(f"M{LEFT} 5v{height}H{WIDTH}", "silver", HOLLOW)


def label(x: int, y: int, text: str) -> str:
    """Words at a place."""
    return f"<text x='{x}' y='{y}'>{html.escape(text)}</text>"


def legend(y: int, names: Sequence[str]) -> str:
    """Each name in its colour, one after the other."""
    words = (
        f"<tspan fill='{colour(n)}'>{html.escape(name)} </tspan>" for n, name in enumerate(names)
    )
    return f"<text y='{y}'>{''.join(words)}</text>"


def colour(place: int) -> str:
    """The colour of the so many-th line."""
    return COLOURS[place % len(COLOURS)]


def column(rows: Sequence[str], tall: int) -> str:
    """Words below each other, at the left."""
    lines = (f"<tspan x='0' dy='{tall}'>{html.escape(row)}</tspan>" for row in rows)
    return f"<text y='{13 - tall}'>{''.join(lines)}</text>"


def plain(name: str) -> str:
    """A name for a drawing: underscores become spaces; a very long one is cut."""
    return short(name, LONGEST_NAME)
