"""The words for a claim's verdict and effect: the same in terminal, page, checks and cards."""

from collections.abc import Mapping, Sequence
from typing import Any

from alignment_dagster.report.rows import ClaimRow
from alignment_dagster.report.text import number, span

LEVEL = 0.05
LOWER = ("lower", "not_higher")
"""The relations whose effect is positive where the recipe is the lower one."""


def direction(relation: str) -> str:
    """Where a relation's effect is positive: `lower` or `higher`, said of the recipe."""
    return "lower" if relation in LOWER else "higher"


def effect_text(relation: str, value: float, low: float, high: float, digits: int = 2) -> str:
    """`lower by +0.26 [+0.18 to +0.35]`: what the sign means stands before the number."""
    inside = span(low, high, digits, signed=True)
    shown = f"{direction(relation)} by {number(value, digits, signed=True)}"
    return f"{shown} [{inside}]" if inside else shown


NOT_MEASURABLE = "not measurable here"


def verdict_text(
    verdict: str,
    p_holm: float,
    tested: int,
    seeds: int | None,
    claimed: float = 0.0,
    detectable: float = 0.0,
) -> str:
    """The verdict, with what a reader has to know of it beside the interval.

    Args:
        verdict: by the claim's own interval.
        p_holm: corrected over all claims that were tested.
        tested: so many.
        seeds: behind the claim, 0 where it was not measured; None where that is not recorded.
        claimed: the effect that the claim speaks of, or its margin; 0 where it names none.
        detectable: the smallest that would have been found with 80 % power.
    """
    if verdict == "supported" and not p_holm < LEVEL:
        return f"supported on its own, not after Holm over all {tested} claims"
    if verdict == "undecided" and seeds == 0:
        return "undecided: not measured"
    if verdict == "undecided" and seeds == 1:
        return "undecided: one seed says nothing about the recipes"
    if verdict == "undecided" and 0 < claimed < detectable:
        return NOT_MEASURABLE
    return verdict


def row_verdict(row: ClaimRow, tested: int) -> str:
    """The same of a report's row."""
    return verdict_text(
        row.verdict,
        row.p_holm,
        tested,
        row.seeds,
        claimed_size(row.by_at_least, row.within),
        row.detectable,
    )


def claimed_size(by_at_least: float, within: float | None) -> float:
    """The effect that a claim speaks of, or its margin; 0 where it names none."""
    return by_at_least if within is None else within


def claim_verdicts(claims: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Claim → the words for its verdict.

    Args:
        claims: all of a report's findings.
    """
    tested = sum(not row["reason"] for row in claims)
    return {
        row["name"]: verdict_text(
            row["verdict"],
            row["p_holm"],
            tested,
            row.get("seeds"),
            claimed_size(row["by_at_least"], row["within"]),
            row.get("detectable", 0.0),
        )
        for row in claims
    }
