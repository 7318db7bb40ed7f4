"""A threshold curve as a small picture: what share of the documents lies beyond each bound."""

import html
from collections.abc import Iterable, Sequence

from alignment_dagster.foundation.visible_text import short

WIDTH, HEIGHT, LEFT, TOP = 330, 96, 34, 6
"""Pixels of the axes, and where they begin."""
LONGEST = 36


def draw_threshold(
    name: str, points: Sequence[tuple[float, float]], declared: Iterable[float]
) -> str:
    """The share above each bound as a falling line; each declared bound as a dashed one.

    Args:
        name: `scorer.column`.
        points: bounds, ascending, each with the share of documents strictly above it.
        declared: bounds that rules have.

    Returns:
        An SVG of less than 1,000 characters; same numbers, same bytes.
    """
    marked = sorted(declared)
    low = min([points[0][0] if points else 0.0, *marked])
    high = max([points[-1][0] if points else 1.0, *marked])
    wide = max(high - low, 1e-12)

    def x(bound: float) -> int:
        return LEFT + round((bound - low) / wide * WIDTH)

    def y(share: float) -> int:
        return TOP + round((1 - share) * HEIGHT)

    # what is above a bound stays so until the next value that occurs
    steps = "".join(f"H{x(bound)}V{y(share)}" for bound, share in points)
    dashes = "".join(f"M{x(bound)} {TOP}v{HEIGHT}" for bound in marked)
    foot = TOP + HEIGHT + 14
    title = html.escape(short(name, LONGEST))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {LEFT + WIDTH + 8} {foot + 4}' "
        "width='372' style='font:11px sans-serif;background:white;max-width:100%' fill='none'>"
        f"<path d='M{LEFT} {TOP}v{HEIGHT}h{WIDTH}' stroke='silver'/>"
        f"<path d='{dashes}' stroke='tomato' stroke-dasharray='4 3'/>"
        f"<path d='M{LEFT} {y(1)}{steps}' stroke='teal' stroke-width='2'/>"
        f"<g fill='black'><text y='16'>100%</text><text y='{TOP + HEIGHT}'>0%</text>"
        f"<text x='{LEFT}' y='{foot}'>{low:.4g}</text>"
        f"<text x='{LEFT + WIDTH // 2}' y='{foot}' text-anchor='middle'>above {title}</text>"
        f"<text x='{LEFT + WIDTH}' y='{foot}' text-anchor='end'>{high:.4g}</text></g></svg>"
    )
