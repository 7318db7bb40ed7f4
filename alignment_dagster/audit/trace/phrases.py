"""Words that answers share: counts, places and scores."""

from collections.abc import Mapping
from typing import Any

from alignment_dagster.audit.trace.parquet import Row

ID = 16
"""Characters of an id that are shown."""
COUNTED = {
    "answers": "answer", "losses": "loss", "documents": "document", "items": "item",
    "scenarios": "scenario", "formats": "format", "attacks": "attack", "hits": "hit",
    "ties": "tie", "tokens": "token",
}  # fmt: skip
PLURALS = {"copy": "copies", "loss": "losses"}


def format_totals(totals: Mapping[str, Any]) -> str:
    """The totals of what was measured, in words."""
    found = [pluralize(totals[name], word) for name, word in COUNTED.items() if name in totals]
    return ", ".join(found)


def pluralize(count: float, word: str) -> str:
    """`1 copy`, `2 copies`."""
    return f"{count:,.15g} {word if count == 1 else PLURALS.get(word, f'{word}s')}"


def format_place(raw: Row | None) -> str:
    """File and line of a document's raw row, and how often it is repeated."""
    if raw is None:
        return "its raw row is not in the lake"
    repeats = len(raw["repeated_at"])
    return f"{raw['path']}:{raw['line']}" + (f" and {repeats} more places" if repeats else "")


def format_scores(scores: Mapping[str, Any]) -> str:
    """Scores in one line; long digests are cut."""
    return ", ".join(f"{name} {_format_score(value)}" for name, value in sorted(scores.items()))


def _format_score(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:ID]
