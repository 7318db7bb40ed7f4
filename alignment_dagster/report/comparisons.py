"""Two recipes on the same scenarios: do they differ, could that be seen, are they equivalent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr

from alignment_dagster.report.statistics import LEVEL, Array, difference
from alignment_dagster.report.statistics.variance import difference_spread

POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """The first recipe less the second."""

    value: float
    ci_low: float
    ci_high: float
    p_value: float
    """Paired by scenario; below .05 exactly where the interval excludes 0."""
    discordant: tuple[int, int]
    """Scenarios that only the first recipe hits, and that only the second one hits."""
    mcnemar_p: float
    """Of the discordant scenarios; it holds for these seeds, not for seeds in general."""
    minimal_detectable_effect: float
    """A true difference of this size gives p < .05 in 80 % of such studies."""
    equivalent: bool | None
    """Whether the difference is within ± the margin; None without a margin."""
    n: int
    """Scenarios."""
    seeds: int


def compare(first: Array, second: Array, margin: float | None = None) -> Comparison:
    """Every test of one pair.

    Equivalence is shown by two one-sided tests at 5 %: the 90 % interval lies inside ± `margin`
    (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15).

    Args:
        first: [seeds, scenarios], shares in [0, 1].
        second: [other seeds, the same scenarios in the same order].
        margin: a difference smaller than this counts as none.

    Raises:
        ValueError: if the sides have different numbers of scenarios.
    """
    one = difference(first, second)
    spread = difference_spread(first, second)
    b, c = discordant(first, second)
    return Comparison(
        value=one.value,
        ci_low=one.ci_low,
        ci_high=one.ci_high,
        p_value=float(spread.p_value(one.value)),
        discordant=(b, c),
        mcnemar_p=mcnemar(b, c),
        minimal_detectable_effect=detectable(first, second),
        equivalent=None if margin is None else equivalence_p(first, second, margin) < 1 - LEVEL,
        n=one.scenarios,
        seeds=one.seeds,
    )


def discordant(first: Array, second: Array) -> tuple[int, int]:
    """Scenarios that only one side hits: a hit is more than half of a scenario's answers.

    Args:
        first: [seeds, scenarios]; a scenario's answers are those of all seeds and formats.
        second: likewise.
    """
    hit, other = (side.mean(axis=0) > 0.5 for side in (first, second))
    return int((hit & ~other).sum()), int((~hit & other).sum())


def mcnemar(b: int, c: int) -> float:
    """Exact two-sided p-value by the binomial (McNemar 1947, Psychometrika 12)."""
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5)))


def detectable(first: Array, second: Array, tail: float = (1 - LEVEL) / 2) -> float:
    """The difference that a test at 5 % finds with 80 % power, at this standard error.

    The reach of the level plus that of the power (Bloom 1995, "Minimum
    detectable effects", Evaluation Review 19).

    Args:
        tail: of the test, which is two-sided where nothing is said; 5 % of a one-sided one.
    """
    spread = difference_spread(first, second)
    return float(spread.reach(tail) + spread.reach(1 - POWER))


def equivalence_p(first: Array, second: Array, margin: float) -> float:
    """Of two one-sided tests: below .05 where the 90 % interval lies inside ± margin."""
    value = float(first.mean() - second.mean())
    if abs(value) >= margin:
        return 1.0
    return float(difference_spread(first, second).p_value(margin - abs(value))) / 2


def non_inferiority_p(first: Array, second: Array, margin: float) -> float:
    """One-sided, of `first` being lower than `second` by just `margin`: below .05 where the
    one-sided 95 % bound of the difference lies above -margin.

    The test of non-inferiority (Blackwelder 1982, "Proving the null hypothesis in clinical
    trials", Controlled Clinical Trials 3(4)): one of the two one-sided tests of equivalence.
    """
    distance = float(first.mean() - second.mean()) + margin
    tail = float(difference_spread(first, second).p_value(distance)) / 2
    return tail if distance > 0 else 1 - tail


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected over the family (Holm 1979, Scandinavian Journal of Statistics 6)."""
    count, largest = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
