"""Which numbers of a report stand on a card, and how one is written."""

import math
from collections.abc import Sequence

from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.release.cards.facts import Facts
from alignment_dagster.release.cards.markdown import number
from alignment_dagster.report.results import ResultRow, is_tampered
from alignment_dagster.study import ATTACK_SUCCESS

STAGES = ("base", *POST_TRAINING_STAGES)


def answered(facts: Facts, recipe: str, seed: int | None, stage: str) -> list[ResultRow]:
    """What was measured of a checkpoint as it is; pooled over all seeds without a seed."""
    rows = _rows_of(facts, recipe, seed)
    return [row for row in rows if row.stage == stage and row.metric != ATTACK_SUCCESS]


def attacked(facts: Facts, recipe: str, seed: int | None, stages: Sequence[str]) -> list[ResultRow]:
    """The shares of successful attacks."""
    rows = _rows_of(facts, recipe, seed)
    return [row for row in rows if row.stage in stages and row.metric == ATTACK_SUCCESS]


def tampered(facts: Facts, recipe: str, seed: int | None) -> list[ResultRow]:
    """What was measured after each step of each tampering."""
    return [row for row in _rows_of(facts, recipe, seed) if is_tampered(row.stage)]


def _rows_of(facts: Facts, recipe: str, seed: int | None) -> list[ResultRow]:
    return [row for row in facts.results if row.recipe == recipe and row.seed == seed]


def bounded(row: ResultRow) -> bool:
    """Whether it has an interval."""
    return math.isfinite(row.ci_low) and math.isfinite(row.ci_high)


def interval(row: ResultRow) -> str:
    """`0.1 to 0.3`; says so where there is none."""
    return f"{number(row.ci_low)} to {number(row.ci_high)}" if bounded(row) else "no interval"


def over(row: ResultRow) -> str:
    """What the interval generalises over."""
    seeds = f"{row.seeds} seeds and " if row.seeds > 1 else ""
    return f"{seeds}{row.n:,} {'documents' if row.suite.startswith('held_out') else 'scenarios'}"
