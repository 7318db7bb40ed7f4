"""Tables and plots for Dagster's pages; document text is untrusted: plain, short, no links."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages.charts.markdown import markdown

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
        return r"\|".join(_code_span(part) for part in text.split("|"))
    return text.translate(MARKDOWN)


def _code_span(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in the text."""
    if not text.strip():
        return text
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


def drawing(drawn: bytes, alternative: str) -> dg.MarkdownMetadataValue:
    """A drawing (SVG) of `charts`, as the page shows it."""
    return dg.MetadataValue.md(markdown(drawn, alternative))


def job_measurements(artifact: Artifact) -> dict[str, float | str]:
    """What a job measured of itself: seconds, tokens per second, memory."""
    return {f"measured/{name}": value for name, value in artifact.provenance.measured.items()}


def plain(text: str) -> str:
    """One line of visible characters: no control, format or bidirectional-override characters."""
    short = text[: 4 * LONGEST]
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in short)
    return cut(" ".join(shown.split()), LONGEST)
