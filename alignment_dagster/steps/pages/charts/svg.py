"""The pieces of a terse SVG drawing: lines, labels, and what holds them."""

import html
from collections.abc import Mapping, Sequence

from alignment_dagster.foundation.visible_text import short

WIDTH, LEFT = 440, 140
"""Pixels of the whole drawing, and of its labels on the left."""
HEIGHT, LINE = 110, 15
"""Pixels of what has axes, and of a line of words."""
MOST_LINES = 24
COLOURS = ("teal", "tomato", "navy", "orchid", "orange", "gray", "black")
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
    across = f" x='{x}'" if x else ""
    return f"<text{across} y='{y}'>{html.escape(text)}</text>"


def legend(y: int, names: Sequence[str], colours: Sequence[int] | None = None) -> str:
    """Each name in its colour, one after the other."""
    places = colours or range(len(names))
    words = (
        f"<tspan fill='{colour(place)}'>{html.escape(name)} </tspan>"
        for place, name in zip(places, names, strict=True)
    )
    return f"<text y='{y}'>{''.join(words)}</text>"


def legend_column(names: Sequence[str]) -> str:
    """Each name in its colour, below each other, at the left."""
    return "".join(
        f"<text y='{29 + 13 * place}' fill='{colour(place)}'>{html.escape(name)}</text>"
        for place, name in enumerate(names)
    )


def by_outcome(
    outcomes: Sequence[str],
    moves: Sequence[str],
    colours: Mapping[str, int],
    foot: int,
    more: str = "",
) -> str:
    """What is drawn for each row, in its outcome's colour, above a legend of the outcomes."""
    kinds = [kind for kind in colours if kind in outcomes]
    paths = [
        path(
            "".join(move for one, move in zip(outcomes, moves, strict=True) if one == kind),
            colour(colours[kind]),
            more,
        )
        for kind in kinds
    ]
    return "".join(paths) + legend(foot, [plain(k) for k in kinds], [colours[k] for k in kinds])


def colour(place: int) -> str:
    """The colour of the so many-th line."""
    return COLOURS[place % len(COLOURS)]


def column(rows: Sequence[str], tall: int) -> str:
    """Words below each other, at the left."""
    return "".join(
        f"<text y='{13 + tall * place}'>{html.escape(row)}</text>" for place, row in enumerate(rows)
    )


def some(shown: int, of: int, what: str = "") -> str:
    """That not all lines are drawn, where they are not."""
    return f" ({shown} of {of}{what})" if shown < of else ""


def plain(name: str, longest: int = LONGEST_NAME) -> str:
    """A name for a drawing: underscores become spaces; a very long one is cut."""
    return short(name, longest)
