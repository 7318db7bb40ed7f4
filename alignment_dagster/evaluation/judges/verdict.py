"""What a judge says of one generated text."""

from collections.abc import Callable
from dataclasses import dataclass

from alignment_dagster.evaluation.suites.items import Item


@dataclass(frozen=True)
class Verdict:
    """Whether a text is bad, and the number behind it (what it counts is the judge's matter)."""

    hit: bool
    score: float


Judge = Callable[[Item, str], Verdict]
"""Item and generated text → verdict."""
