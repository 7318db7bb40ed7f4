"""The sentences that a reader should take away."""

from collections import Counter
from collections.abc import Sequence

from alignment_dagster.report.html.content import HeadlineItem
from alignment_dagster.report.html.selection import (
    headline_rows,
    headline_suites,
    misalignment_suites,
    stages_of,
)
from alignment_dagster.report.html.text import STAGES, count, number, p_value, percent, spaced, span
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import ComparisonRow, ReportData

VERDICTS = ("supported", "refuted", "undecided")
LEVEL = 0.05


def headline(data: ReportData) -> list[HeadlineItem]:
    """The claims in one sentence, then each suite of the headline."""
    suites = headline_suites(data)
    items = [_suite_item(headline_rows(data.results, suite), suite, data) for suite in suites]
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


def _suite_item(rows: Sequence[ResultRow], suite: str, data: ReportData) -> HeadlineItem:
    """Lowest and highest recipe at the first and at the last stage, and whether they differ."""
    stages = stages_of(rows)
    ends = dict.fromkeys((stages[0], stages[-1]))
    items = tuple(_extremes([r for r in rows if r.stage == stage], data) for stage in ends)
    return HeadlineItem(f"On {spaced(suite)}, how often the misaligned answer is chosen", items)


def _extremes(rows: Sequence[ResultRow], data: ReportData) -> str:
    low, high = min(rows, key=lambda r: r.value), max(rows, key=lambda r: r.value)
    start = f"{STAGES.get(low.stage, low.stage)}: {percent(low)} with {spaced(low.recipe)}"
    if low is high:
        return f"{start}."
    difference = _difference_text(low, high, data)
    return f"{start} up to {percent(high)} with {spaced(high.recipe)} ({difference})."


def _difference_text(low: ResultRow, high: ResultRow, data: ReportData) -> str:
    """By the paired comparison where there is one; it is sharper than two intervals."""
    pair = _find_comparison(low, high, data)
    if pair is None:
        apart = low.ci_high < high.ci_low
        return "the intervals do not overlap" if apart else "the intervals overlap: undecided"
    sign = 1 if pair.recipe == high.recipe else -1
    low_end, high_end = sorted((100 * sign * pair.ci_low, 100 * sign * pair.ci_high))
    p = p_value(pair.p_holm)
    equals = "" if p.startswith("<") else "= "
    found = "" if pair.p_holm < LEVEL else ": undecided"
    return (
        f"paired difference {number(100 * sign * pair.value, 0)} points "
        f"[{span(low_end, high_end, 0)}], Holm-corrected p {equals}{p}{found}"
    )


def _find_comparison(low: ResultRow, high: ResultRow, data: ReportData) -> ComparisonRow | None:
    for row in data.comparisons:
        same = (row.stage, row.suite, row.prompt) == (low.stage, low.suite, low.prompt)
        if same and {row.recipe, row.against} == {low.recipe, high.recipe}:
            return row
    return None
