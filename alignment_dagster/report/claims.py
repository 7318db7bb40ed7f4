"""What became of a claim: supported, refuted or undecided, and why."""

from dataclasses import dataclass
from typing import Literal

from alignment_dagster.report.comparisons import detectable, equivalence_p, non_inferiority_p
from alignment_dagster.report.statistics import Array, Estimate, difference
from alignment_dagster.report.statistics.variance import difference_spread
from alignment_dagster.report.text import number, span
from alignment_dagster.report.verdicts import direction
from alignment_dagster.study.claims import Claim

Outcome = Literal["supported", "refuted", "undecided"]
ONE_SIDED = 0.90
"""The level of the interval whose ends are the one-sided 95 % bounds."""
TAIL = (1 - ONE_SIDED) / 2
ONE_SEED = (
    "; undecided, since with one seed it covers scenarios only, and says nothing about the recipes"
)


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim's outcome with its evidence."""

    verdict: Outcome
    effect: Estimate
    """By how much the recipe is lower (`lower`, `not_higher`) or higher than the other."""
    p_value: float
    """Two-sided, of an effect of just `by_at_least`; one-sided, of an effect of just -`within`;
    for `equivalent`, of two one-sided tests."""
    detectable: float
    """The effect, or the margin, that these seeds and scenarios find with 80 % power."""
    sentence: str
    """The evidence in plain words."""


def judge(claim: Claim, first: Array, second: Array) -> ClaimVerdict:
    """A claim against its measurements.

    - `lower` and `higher` are supported where the whole 95 % interval of the effect lies at or
      beyond `by_at_least` (and above zero), refuted where all of it falls short.
    - `not_lower` and `not_higher` are tested for non-inferiority (`non_inferiority_p`, which names
      its source): supported where the one-sided 95 % bound of the effect lies above -`within`,
      which is where p < .05; refuted where the whole 95 % interval lies below it.
    - `equivalent` is supported where the 90 % interval lies inside ± `within` (two one-sided tests
      at 5 %), refuted where the 95 % interval lies wholly outside.

    With one seed a side, the interval is of those very models: a claim about the recipes is then
    undecided, whatever the interval.

    Args:
        claim: what was said.
        first: of `claim.recipe`, [seeds, scenarios].
        second: of `claim.than`, [other seeds, the same scenarios in the same order].

    Raises:
        ValueError: if the sides have different numbers of scenarios.
    """
    way = direction(claim.relation)
    more, less = (second, first) if way == "lower" else (first, second)
    one = difference(more, less)
    if claim.within is None:
        outcome, p_value, where = _judge_difference(claim.by_at_least, way, one, more, less)
    elif claim.relation == "equivalent":
        outcome, p_value, where = _judge_equivalence(claim.within, way, one, more, less)
    else:
        outcome, p_value, where = _judge_non_inferiority(claim.within, way, one, more, less)
    if one.seeds == 1:
        outcome = "undecided"
    least = detectable(more, less) if claim.within is None else detectable(more, less, TAIL)
    other = {"lower": "higher", "higher": "lower"}[way]
    shown = (
        f"{claim.recipe} is {way if one.value >= 0 else other} than {claim.than} by "
        f"{number(abs(one.value), 2)}"
    )
    note = ONE_SEED if one.seeds == 1 else ""
    return ClaimVerdict(outcome, one, p_value, least, f"{shown}; {where}{note}.")


Judgement = tuple[Outcome, float, str]
"""Verdict, p value, and where the bounds lie."""


def _judge_difference(least: float, way: str, one: Estimate, more: Array, less: Array) -> Judgement:
    outcome: Outcome = "undecided"
    where = "includes" if one.ci_low <= least <= one.ci_high else "lies away from"
    if one.ci_low >= least and one.ci_low > 0:
        outcome, where = "supported", "lies wholly on the claimed side of"
    elif one.ci_high < least:
        outcome, where = "refuted", "lies wholly short of"
    p_value = float(difference_spread(more, less).p_value(one.value - least))
    line = number(least, 2, signed=True) if least else "zero"
    return outcome, p_value, f"the 95 % interval of “{way} by”, {_span(one)}, {where} {line}"


def _judge_non_inferiority(
    within: float, way: str, one: Estimate, more: Array, less: Array
) -> Judgement:
    outcome: Outcome = "undecided"
    bound = difference(more, less, ONE_SIDED).ci_low
    line, shown = number(-within, 2, signed=True), number(bound, 2, signed=True)
    where = f"the one-sided 95 % bound of “{way} by”, {shown}, does not lie above {line}"
    if bound > -within:
        outcome = "supported"
        where = f"the one-sided 95 % bound of “{way} by”, {shown}, lies above {line}"
    elif one.ci_high < -within:
        outcome = "refuted"
        where = f"the 95 % interval of “{way} by”, {_span(one)}, lies wholly below {line}"
    return outcome, non_inferiority_p(more, less, within), where


def _judge_equivalence(
    within: float, way: str, one: Estimate, more: Array, less: Array
) -> Judgement:
    outcome: Outcome = "undecided"
    narrow = difference(more, less, ONE_SIDED)
    line = f"±{number(within, 2)}"
    where = f"the 90 % interval of “{way} by”, {_span(narrow)}, is not wholly within {line}"
    if -within < narrow.ci_low and narrow.ci_high < within:
        outcome = "supported"
        where = f"the 90 % interval of “{way} by”, {_span(narrow)}, lies wholly within {line}"
    elif one.ci_low > within or one.ci_high < -within:
        outcome = "refuted"
        where = f"the 95 % interval of “{way} by”, {_span(one)}, lies wholly outside {line}"
    return outcome, equivalence_p(more, less, within), where


def _span(one: Estimate) -> str:
    return span(one.ci_low, one.ci_high, 2, signed=True)
