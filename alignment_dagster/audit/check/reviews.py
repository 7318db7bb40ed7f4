"""The signed reviews of a study's reports: that each holds, and that none is gone."""

from collections.abc import Collection

from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage.reviews import ReviewRecord, lost_reviews, review_problems

KIND = "reviews"


def check_reviews(scope: Scope) -> None:
    """Each is signed by its reviewer, follows the one before, and is about a report that is there.

    Their chain cannot show that the last is gone: `check_lost_reviews` does, where somebody was
    told of it.
    """
    with scope.findings.guard(KIND, "reviews"):
        for subject, message in review_problems(scope.archive):
            scope.findings.gap(KIND, subject, message)


def check_lost_reviews(scope: Scope, told: Collection[ReviewRecord], by: str) -> None:
    """Every review that somebody was told of is still there, with the bytes that were signed."""
    scope.findings.counts[f"reviews that {by} was told of"] += len(told)
    for subject, message in lost_reviews(scope.archive, told, by):
        scope.findings.gap(KIND, subject, message)
