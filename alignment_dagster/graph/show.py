"""Tables and pictures for Dagster's pages; document text is untrusted: plain, short, no links."""

import base64
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LONGEST = 160
LINK = re.compile(r"://|www\.|@\S*\.", re.IGNORECASE)
"""The page makes links of these however they are escaped; only in code it does not."""
MARKDOWN = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_{}[]()#+-.!|<>~"} | {"&": "&amp;"}
)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A Markdown table of the named columns."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(row[name]) for name in columns) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """One value: numbers with separators, text escaped and cut."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = plain(str(value))
    if LINK.search(text):
        return r"\|".join(_code(part) for part in text.split("|"))
    return text.translate(MARKDOWN)


def _code(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in the text."""
    if not text.strip():
        return text
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


def picture(drawn: bytes, alternative: str) -> str:
    """A picture (PNG or SVG) inside the page, as Markdown: nothing is fetched to show it."""
    if drawn.startswith(b"<svg"):
        return f"![{alternative}](<data:image/svg+xml,{_inside(drawn.decode())}>)"
    return f"![{alternative}](data:image/png;base64,{base64.b64encode(drawn).decode('ascii')})"


def _inside(svg: str) -> str:
    """SVG as the end of an address between pointed brackets: shorter than any other encoding."""
    address = svg.replace("%", "%25").replace("#", "%23").replace("\\", "%5C")
    return address.replace("&", "&amp;").replace("<", "\\<").replace(">", "\\>")


def plain(text: str) -> str:
    """One line of visible characters: no control, format or bidirectional-override characters."""
    short = text[: 4 * LONGEST]
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in short)
    shown = " ".join(shown.split())
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
