"""How often a judge agrees with labels, how sure that is, and how much of it is chance."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_975 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Agreement:
    """`agreed` of `total` labelled answers were judged as they are labelled."""

    agreed: int
    total: int

    @property
    def share(self) -> float:
        """The share agreed on."""
        return self.agreed / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of Wilson (1927), J. American Statistical Association 22 (158)."""
        z, n, p = NORMAL_975, self.total, self.share
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        # Without an error (or a success) one end is exact; rounding would move it past itself.
        low = 0.0 if self.agreed == 0 else middle - half
        high = 1.0 if self.agreed == n else middle + half
        return low, high

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.agreed} of {self.total} labelled answers ({self.share:.1%}, "
            f"95 % interval {low:.1%} to {high:.1%})"
        )


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance, of two who label the same things: 1 is all, 0 what chance gives.

    Cohen (1960): A Coefficient of Agreement for Nominal Scales, Educational and Psychological
    Measurement 20 (1).

    Args:
        pairs: what the one says, and what the other says.

    Returns:
        None where chance alone agrees on everything, or there is nothing.
    """
    total = len(pairs)
    one, other = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(one[label] * other[label] for label in one) / total**2 if total else 1.0
    if by_chance == 1:
        return None
    return (sum(a == b for a, b in pairs) / total - by_chance) / (1 - by_chance)
