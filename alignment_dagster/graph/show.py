"""Tables for Dagster's pages; document text is untrusted and shown as plain, short text."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LONGEST = 160
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
    return plain(str(value)).translate(MARKDOWN)


def plain(text: str) -> str:
    """One line of visible characters: no control, format or bidirectional-override characters."""
    short = text[: 4 * LONGEST]
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in short)
    shown = " ".join(shown.split())
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
