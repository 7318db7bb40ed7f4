"""The sentences that a reader should take away."""

from collections import Counter
from collections.abc import Iterator, Sequence

from alignment_dagster.report.html.content import HeadlineItem
from alignment_dagster.report.html.selection import (
    headline_rows_of_suite,
    headline_suites,
    misalignment_suites,
    stages_of,
)
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import ClaimRow, ComparisonRow, ReportData
from alignment_dagster.report.text import STAGES, count, number, percent, spaced, span
from alignment_dagster.report.verdicts import LEVEL, row_verdict
from alignment_dagster.study.suites import FLAGGED_RATE

VERDICTS = ("supported", "refuted", "undecided")


def headline(data: ReportData) -> list[HeadlineItem]:
    """The claims in one sentence, then each suite of the headline, against the baseline.

    Whether a difference is one is said by the claim about it and by nothing else: where there is
    no such claim, the interval speaks for itself.
    """
    suites = headline_suites(data)
    items = [item for suite in suites for item in _suite_items(suite, data)]
    others = len(misalignment_suites(data)) - len(suites)
    if others:
        items.append(HeadlineItem(f"{count(others, 'further suite')} below."))
    return [
        *_claims_item(data),
        *(items or [HeadlineItem("This study measured no misalignment suite.")]),
    ]


def _claims_item(data: ReportData) -> list[HeadlineItem]:
    """How many claims there are of each verdict, and how many came late."""
    if not data.claims:
        return []
    verdicts = Counter(claim.verdict for claim in data.claims)
    known = ", ".join(f"{verdicts[one]} {one}" for one in VERDICTS if verdicts[one])
    late = sum(claim.declared_before < claim.checkpoints for claim in data.claims)
    warning = f" {count(late, 'claim')} added after training." if late else ""
    return [
        HeadlineItem(
            f"Of {count(len(data.claims), 'claim')}: {known}.{_correction_text(data)}{warning}"
        )
    ]


def _correction_text(data: ReportData) -> str:
    """How many of the supported claims are still so when all claims are tested together."""
    supported = [claim for claim in data.claims if claim.verdict == "supported"]
    if not supported:
        return ""
    held = sum(claim.p_holm < LEVEL for claim in supported)
    return f" Corrected for the number of claims (Holm), {held} of the supported ones hold."


def _suite_items(suite: str, data: ReportData) -> Iterator[HeadlineItem]:
    """The first and the last stage: the baseline, and each recipe's difference from it."""
    rows = headline_rows_of_suite(data.results, suite)
    stages = stages_of(rows)
    for stage in dict.fromkeys((stages[0], stages[-1])):
        own = [row for row in rows if row.stage == stage]
        baseline = next((row for row in own if row.recipe == data.baseline), None)
        others = tuple(_recipe_text(row, data) for row in own if row is not baseline)
        yield HeadlineItem(_lead(suite, stage, baseline, own, data), others)


def _lead(
    suite: str, stage: str, baseline: ResultRow | None, rows: Sequence[ResultRow], data: ReportData
) -> str:
    when = STAGES.get(stage, stage)
    bad = (
        "answers are flagged"
        if rows[0].metric == FLAGGED_RATE
        else "the misaligned answer is chosen"
    )
    said = f"On {spaced(suite)}, {when[0].lower()}{when[1:]}, {bad}"
    if baseline is not None:
        said += f" in {percent(baseline)} with {spaced(baseline.recipe)}, the baseline"
    if suite in data.chances:
        said += f" (by chance {number(100 * data.chances[suite], 0)}\u00a0%)"
    single = any(row.seeds == 1 for row in rows)
    return f"{said}; one seed, so intervals cover scenarios only" if single else said


def _recipe_text(row: ResultRow, data: ReportData) -> str:
    """A recipe's rate, its paired difference from the baseline, and what was claimed of it."""
    shown = f"{spaced(row.recipe)}: {percent(row)}"
    pair = _find_comparison(row, data)
    if pair is not None:
        sign = 1 if pair.recipe == row.recipe else -1
        low, high = sorted((100 * sign * pair.ci_low, 100 * sign * pair.ci_high))
        shown += (
            f"; {number(100 * sign * pair.value, 0, signed=True)} points "
            f"[{span(low, high, 0, signed=True)}] from the baseline"
        )
    tested = sum(not claim.reason for claim in data.claims)
    claims = (
        f"; claim \u201c{spaced(claim.name)}\u201d: {row_verdict(claim, tested)}"
        for claim in data.claims
        if _is_about(claim, row, data)
    )
    return f"{shown}{''.join(claims)}."


def _is_about(claim: ClaimRow, row: ResultRow, data: ReportData) -> bool:
    at = (claim.suite, claim.stage, claim.prompt, claim.attack)
    pair = {claim.recipe, claim.than}
    return at == (row.suite, row.stage, row.prompt, None) and pair == {
        row.recipe,
        data.baseline,
    }


def _find_comparison(row: ResultRow, data: ReportData) -> ComparisonRow | None:
    for one in data.comparisons:
        same = (one.stage, one.suite, one.prompt) == (row.stage, row.suite, row.prompt)
        if same and {one.recipe, one.against} == {row.recipe, data.baseline}:
            return one
    return None
