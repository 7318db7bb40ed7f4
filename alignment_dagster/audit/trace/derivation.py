"""From metrics to a finding: the same sums as the report's, one step after another."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alignment_dagster.audit.trace.arithmetic import EXACT, step_gap
from alignment_dagster.audit.trace.findings import Finding, last_steps
from alignment_dagster.audit.trace.terms import (
    Slice,
    Sources,
    Sum,
    Term,
    benefit_curve,
    subtract,
    tampering_curve,
)
from alignment_dagster.report.names import (
    BENEFIT,
    CLAIM,
    DIFFERENCE,
    HALF_LIFE,
    MEAN_BENEFIT,
    PERSISTENCE,
)
from alignment_dagster.report.results import TAMPERED


@dataclass(frozen=True)
class Derivation:
    """A finding with all that it was computed from."""

    finding: Finding
    terms: tuple[Term, ...]
    sums: tuple[Sum, ...]
    gaps: tuple[str, ...]
    """Where the steps do not lead to what the report says; nothing as a rule."""


def derive(finding: Finding, sources: Sources) -> Derivation:
    """The metrics behind a finding, and the steps from them to it.

    Raises:
        ArtifactError: if the report lacks a metric that the finding rests on.
    """
    if finding.kind == CLAIM and finding.row["reason"]:
        return Derivation(finding, (), (), ())
    terms, sums = DERIVED[finding.kind](finding, sources)
    gaps = [] if finding.value is None else step_gap(sums[-1].value, finding.value)
    return Derivation(finding, tuple(terms), tuple(sums), tuple(gaps))


Parts = tuple[Sequence[Term], Sequence[Sum]]


def _derive_claim(finding: Finding, sources: Sources) -> Parts:
    row = finding.row
    last = last_steps(sources.rows)
    stage = row["stage"]
    stage = f"{stage}{TAMPERED}{last[stage]}" if stage in last else stage
    at = (row["attack"] is not None, row["suite"], stage, row["attack"] or row["prompt"])
    return _difference(sources, at, row["recipe"], row["than"], finding.value)


def _derive_difference(finding: Finding, sources: Sources) -> Parts:
    row = finding.row
    at = (False, row["suite"], row["stage"], row["prompt"])
    return _difference(sources, at, row["recipe"], row["against"], finding.value)


def _difference(sources: Sources, at: Slice, recipe: str, other: str, value: float | None) -> Parts:
    """In the direction in which the report has it: a claim counts in its own."""
    first, second = (sources.terms(one, {one: at})[one] for one in (recipe, other))
    turned = value is not None and abs(second.value - first.value - value) < EXACT
    left, right = (second, first) if turned else (first, second)
    return (first, second), (subtract(f"{left.what} less {right.what}", left.value, right.value),)


def _derive_benefit(finding: Finding, sources: Sources) -> Parts:
    terms, sums = _derive_persistence(finding, sources)
    wanted = 0 if finding.row["at"] == "before" else 1
    return terms[2 * wanted : 2 * wanted + 2], (sums[wanted],)


def _derive_persistence(finding: Finding, sources: Sources) -> Parts:
    row = finding.row
    terms, benefits = benefit_curve(row, row["stages"], sources)
    if finding.value is None:
        return terms, benefits
    before, after = (one.value for one in benefits)
    ratio = Sum("share kept", f"{after:.6f} / {before:.6f}", after / before)
    return terms, (*benefits, ratio)


def _derive_half_life(finding: Finding, sources: Sources) -> Parts:
    row = finding.row
    steps, terms, benefits = tampering_curve(row, sources)
    half = Sum("half of the first", f"{benefits[0].value:.6f} / 2", benefits[0].value / 2)
    if finding.value is None:
        return terms, (*benefits, half)
    place = next(n for n in range(1, len(steps)) if benefits[n].value <= half.value)
    above, below = benefits[place - 1].value, benefits[place].value
    start, end = steps[place - 1], steps[place]
    share = Sum(
        f"share of the way from step {start} to {end}",
        f"({above:.6f} - {half.value:.6f}) / ({above:.6f} - {below:.6f})",
        (above - half.value) / (above - below),
    )
    gone = Sum(
        "half gone, steps",
        f"{start + 1} * ({end + 1} / {start + 1}) ^ {share.value:.6f} - 1",
        math.expm1(math.log1p(start) + share.value * (math.log1p(end) - math.log1p(start))),
    )
    tokens = [sources.tokens.get((row["tampering"], one, row["recipe"])) for one in (start, end)]
    spent = _interpolate_tokens(gone.value, (start, end), tokens)
    return terms, (*benefits, half, share, *spent, gone)


def _interpolate_tokens(
    gone: float, ends: tuple[int, int], tokens: Sequence[int | None]
) -> tuple[Sum, ...]:
    first, last = tokens
    if first is None or last is None:
        return ()
    start, end = ends
    way = (gone - start) / (end - start)
    how = f"{first} + ({gone:.6f} - {start}) / ({end} - {start}) * ({last} - {first})"
    return (Sum("half gone, tokens", how, first + way * (last - first)),)


def _derive_mean_benefit(finding: Finding, sources: Sources) -> Parts:
    """The area between the curves over log2(step + 1), divided by its width."""
    row = finding.row
    steps, terms, benefits = tampering_curve(row, sources)
    if len(steps) == 1:
        return terms, benefits
    at = [math.log2(one + 1) for one in steps]
    areas = [
        Sum(
            f"area from step {steps[n]} to {steps[n + 1]}",
            f"(log2 {steps[n + 1] + 1} - log2 {steps[n] + 1}) * "
            f"({first.value:.6f} + {second.value:.6f}) / 2",
            (at[n + 1] - at[n]) * (first.value + second.value) / 2,
        )
        for n, (first, second) in enumerate(pairwise(benefits))
    ]
    whole, width = sum(one.value for one in areas), at[-1] - at[0]
    mean = Sum("benefit on average", f"{whole:.6f} / {width:.6f}", whole / width)
    return terms, (*benefits, *areas, mean)


DERIVED: Mapping[str, Callable[[Finding, Sources], Parts]] = {
    CLAIM: _derive_claim,
    DIFFERENCE: _derive_difference,
    BENEFIT: _derive_benefit,
    PERSISTENCE: _derive_persistence,
    HALF_LIFE: _derive_half_life,
    MEAN_BENEFIT: _derive_mean_benefit,
}
