"""What each number of a report is called, as `alignment audit trace` takes it.

A metric is `metric/suite/stage/recipe/prompt`, and `/seed` for a single replicate. What is computed
from several metrics, or from a part of its answers, has a prefix that says what it is.
"""

from typing import Any

from alignment_dagster.report.cells import BITS_PER_BYTE, NO_PROMPT
from alignment_dagster.report.results import ResultRow, TopicRow
from alignment_dagster.report.rows import (
    AttackRow,
    ClaimRow,
    ComparisonRow,
    DriftRow,
    ErosionSummary,
    FormatRow,
    PersistenceRow,
)
from alignment_dagster.study import ATTACK_SUCCESS, HELD_OUT

CLAIM, DIFFERENCE, BENEFIT = "claim", "difference", "benefit"
PERSISTENCE, HALF_LIFE, MEAN_BENEFIT = "persistence", "half_life", "mean_benefit"
TOPIC, FORMAT = "topic", "format"
PARTS = (TOPIC, FORMAT)
"""A metric of a part of its answers alone."""
PREFIXES = (CLAIM, DIFFERENCE, BENEFIT, PERSISTENCE, HALF_LIFE, MEAN_BENEFIT, *PARTS)


def metric_name(row: ResultRow) -> str:
    """`metric/suite/stage/recipe/prompt`, and `/seed` for a single replicate.

    A suite may hold a `/` itself; for attacks the attack stands in the place of the prompt.
    """
    pooled = (row.metric, row.suite, row.stage, row.recipe, row.prompt)
    return "/".join(pooled if row.seed is None else (*pooled, str(row.seed)))


def finding_name(prefix: str, *words: str) -> str:
    """`difference:suite/stage/prompt/recipe/against` and its like."""
    return f"{prefix}:{'/'.join(words)}"


def row_name(row: Any) -> str:
    """The name of what a row of the report says; empty where it cannot be traced."""
    if isinstance(row, ResultRow):
        return metric_name(row)
    if isinstance(row, ClaimRow):
        return finding_name(CLAIM, row.name)
    if isinstance(row, ComparisonRow):
        words = (row.suite, row.stage, row.prompt, row.recipe, row.against)
        return finding_name(DIFFERENCE, *words)
    if isinstance(row, PersistenceRow):
        return finding_name(PERSISTENCE, row.suite, row.to_stage, row.recipe)
    if isinstance(row, ErosionSummary):
        return finding_name(PERSISTENCE, row.suite, row.tampering, row.recipe)
    if isinstance(row, TopicRow):
        return finding_name(TOPIC, row.suite, row.topic, row.stage, row.recipe, row.prompt)
    if isinstance(row, FormatRow):
        return finding_name(FORMAT, row.suite, row.format, row.stage, row.recipe, NO_PROMPT)
    if isinstance(row, AttackRow):
        return "/".join((ATTACK_SUCCESS, row.suite, row.stage, row.recipe, row.attack))
    if isinstance(row, DriftRow):
        suite = f"{HELD_OUT}/{row.source}"
        return "/".join((BITS_PER_BYTE, suite, row.stage, row.recipe, NO_PROMPT))
    return ""
