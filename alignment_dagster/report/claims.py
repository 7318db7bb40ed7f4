"""What became of a claim: supported, refuted or undecided, and why."""

from dataclasses import dataclass
from typing import Literal

from alignment_dagster.report.comparisons import equivalence_p
from alignment_dagster.report.statistics import Array, Estimate, difference
from alignment_dagster.report.statistics.variance import difference_spread
from alignment_dagster.study.claims import Claim

Outcome = Literal["supported", "refuted", "undecided"]
TOST_LEVEL = 0.90


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim's outcome with its evidence."""

    verdict: Outcome
    effect: Estimate
    """In the claimed direction, positive where the claim is right; for `equivalent`, the recipe
    less the other."""
    p_value: float
    """Two-sided, of an effect of just `by_at_least`; for `equivalent`, of two one-sided tests."""
    sentence: str
    """The evidence in plain words."""


def judge(claim: Claim, first: Array, second: Array) -> ClaimVerdict:
    """A claim against its measurements.

    `lower` and `higher` are supported where the whole 95 % interval of the effect lies at or beyond
    `by_at_least` (and above zero), refuted where all of it falls short. `equivalent` is supported
    where the 90 % interval lies inside ± `within` (two one-sided tests at 5 %), refuted where the
    95 % interval lies wholly outside.

    With one seed a side, the interval is of those very models: a claim about the recipes is then
    undecided, whatever the interval.

    Args:
        claim: what was said.
        first: of `claim.recipe`, [seeds, scenarios].
        second: of `claim.than`, [other seeds, the same scenarios in the same order].

    Raises:
        ValueError: if the sides have different numbers of scenarios.
    """
    if claim.within is not None:
        return _judge_equivalence(claim.within, first, second)
    return _judge_direction(claim, first, second)


def _judge_direction(claim: Claim, first: Array, second: Array) -> ClaimVerdict:
    better, worse = (second, first) if claim.relation == "lower" else (first, second)
    one, least = difference(better, worse), claim.by_at_least
    outcome: Outcome = "undecided"
    if one.seeds == 1:
        outcome = "undecided"
    elif one.ci_low >= least and one.ci_low > 0:
        outcome = "supported"
    elif one.ci_high < least:
        outcome = "refuted"
    p_value = float(difference_spread(better, worse).p_value(one.value - least))
    line = f"{least:.2f}" if least else "zero"
    middle = "includes" if one.ci_low <= least <= one.ci_high else "lies away from"
    where = {
        "supported": f"lies wholly on the claimed side of {line}",
        "refuted": f"lies wholly short of {line}",
        "undecided": f"{middle} {line}",
    }[outcome]
    shown = f"{claim.recipe} is {claim.relation} than {claim.than} by {one.value:.2f}"
    if one.value < 0:
        other = "higher" if claim.relation == "lower" else "lower"
        shown = f"{claim.recipe} is {other} than {claim.than} by {-one.value:.2f}"
    sentence = (
        f"{shown}; the 95 % interval of “{claim.relation} by”, {_interval_text(one)}, "
        f"{where}{_seed_note(one)}."
    )
    return ClaimVerdict(outcome, one, p_value, sentence)


def _judge_equivalence(within: float, first: Array, second: Array) -> ClaimVerdict:
    one, narrow = difference(first, second), difference(first, second, TOST_LEVEL)
    p_value = equivalence_p(first, second, within)
    outcome: Outcome = "undecided"
    where = f"the 90 % interval of the difference, {_interval_text(narrow)}, is not wholly within ±"
    if one.seeds == 1:
        where = f"the 90 % interval of the difference is {_interval_text(narrow)}, the claim ±"
    elif -within < narrow.ci_low and narrow.ci_high < within:
        outcome = "supported"
        where = (
            f"the 90 % interval of the difference, {_interval_text(narrow)}, lies wholly within ±"
        )
    elif one.ci_low > within or one.ci_high < -within:
        outcome = "refuted"
        where = f"the 95 % interval of the difference, {_interval_text(one)}, lies wholly outside ±"
    sentence = f"The two differ by {one.value:.2f}; {where}{within:.2f}{_seed_note(one)}."
    return ClaimVerdict(outcome, one, p_value, sentence)


def _interval_text(one: Estimate) -> str:
    return f"{one.ci_low:.2f} to {one.ci_high:.2f}"


def _seed_note(one: Estimate) -> str:
    if one.seeds > 1:
        return ""
    return "; with one seed it covers scenarios only, and says nothing about the recipes"
