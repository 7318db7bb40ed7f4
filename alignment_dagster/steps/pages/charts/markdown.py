"""A drawing inside a page's Markdown: nothing is fetched to show it."""

from collections.abc import Callable

SHOWN_AT_ONCE = 1000
"""From so many characters on, Dagster shows Markdown behind a click."""
ALTERNATIVE = 24
"""Characters that an alternative text may have."""


def markdown(drawn: bytes, alternative: str) -> str:
    """The drawing (SVG) as an address that is its content, in the shortest encoding."""
    address = drawn.decode().replace("%", "%25").replace("#", "%23").replace("\\", "%5C")
    inside = address.replace("&", "&amp;").replace("<", "\\<").replace(">", "\\>")
    return f"![{alternative}](<data:image/svg+xml,{inside}>)"


def fits(drawn: bytes) -> bool:
    """Whether Dagster shows it without a click."""
    return len(markdown(drawn, " " * ALTERNATIVE)) < SHOWN_AT_ONCE


def longest(draw: Callable[[int], bytes], most: int) -> bytes:
    """What `draw` gives for as many lines as fit, of at most so many, and of at least one."""
    drawings = (draw(lines) for lines in range(most, 1, -1))
    return next((drawn for drawn in drawings if fits(drawn)), None) or draw(1)
