"""One value that says how far apart two versions of a source are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """How something was then and is now, and how far apart the two are."""

    measure: str
    """The field of `refresh.drift` that bounds it."""
    column: str
    """What the values are of."""
    then: float | None
    now: float | None
    value: float | None
    """None where there is nothing to compare with."""


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Counts as shares of their sum; nothing where the sum is zero."""
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def total_variation(then: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Total variation distance of two distributions: half the sum of |p - q|, from 0 to 1."""
    names = sorted({*then, *now})
    return sum(abs(then.get(name, 0.0) - now.get(name, 0.0)) for name in names) / 2
