"""A report's claims, judged again by the very artifacts that it names."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.graph.parent_spec import Parents
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.cells import Replicate, attack_cells, by_recipe, item_cells
from alignment_dagster.report.findings import read_findings
from alignment_dagster.report.gather.comparisons import claim_rows
from alignment_dagster.report.gather.replicates import recorded_claims
from alignment_dagster.report.rows import ClaimRow
from alignment_dagster.study import Claim

TOLERANCE = 1e-12
WORDS = frozenset({"sentence", "reason"})
"""What a claim's row says of its numbers."""


def judge_again(
    report: Artifact,
    parents: Parents,
    replicates: Sequence[Replicate],
    metrics: Mapping[str, str],
) -> tuple[ClaimRow, ...]:
    """Every claim that was declared when the report was made.

    Args:
        report: whose declaration it is.
        parents: what the report was made from.
        replicates: read from them.
        metrics: suite → what its hits are a share of.
    """
    declared = report.provenance.declared
    recipes = by_recipe(replicates)
    return claim_rows(
        [Claim.model_validate(one) for one in declared["claims"]],
        {recipe: item_cells(seeds, metrics) for recipe, seeds in recipes.items()},
        {recipe: attack_cells(seeds) for recipe, seeds in recipes.items()},
        {one["name"]: one["steps"] for one in declared["tampering"]},
        recorded_claims(parents),
    )


def check_claims(scope: Scope, report: Artifact, again: Sequence[ClaimRow]) -> None:
    """Verdicts, effects and p values are those of the report; how they are worded is no number."""
    told = {row["name"]: row for row in read_findings(report.path)["claims"]}
    judged = {row.name: asdict(row) for row in again}
    scope.findings.counts["claims"] += len(told)
    for name in sorted(told.keys() | judged.keys()):
        subject = f"{report.label} claim:{name}"
        if name not in told or name not in judged:
            message = "is not in the report" if name in judged else "was not declared"
            scope.findings.gap("numbers", subject, message)
            continue
        for field in sorted(judged[name].keys() - WORDS):
            one, other = told[name].get(field), judged[name][field]
            message = f"{field} is {one!r}, and {other!r} judged again from the artifacts it names"
            scope.findings.gap_if(not equal(one, other), "numbers", subject, message)


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same; numbers to `TOLERANCE`."""
    if isinstance(one, float) and isinstance(other, float):
        close = math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return close or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
