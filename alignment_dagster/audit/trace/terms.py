"""The metrics that findings are computed from, and single steps over them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report.cells import NO_PROMPT
from alignment_dagster.report.results import TAMPERED, ResultRow, is_tampered
from alignment_dagster.study import ATTACK_SUCCESS

Slice = tuple[bool, str, str, str]
"""Whether attacked; suite, stage, prompt (or attack)."""


@dataclass(frozen=True)
class Term:
    """A metric that a finding is computed from."""

    what: str
    row: ResultRow
    value: float
    """Over the seeds that count: those that all terms of the recipe have."""


@dataclass(frozen=True)
class Sum:
    """One step: what it gives, how, and the result."""

    what: str
    how: str
    value: float


@dataclass(frozen=True)
class Sources:
    """What findings are computed from."""

    rows: Sequence[ResultRow]
    tokens: Mapping[tuple[str, int, str], int] = field(default_factory=dict)
    """Tampering, step, recipe → tokens trained on until then."""

    def terms(self, recipe: str, slices: Mapping[str, Slice]) -> dict[str, Term]:
        """A recipe's metrics, over the seeds that have all of them.

        Args:
            slices: what the metric is in the finding → where it was measured.

        Raises:
            ArtifactError: if the report has no such metric.
        """
        found = {
            what: {row.seed: row for row in self.rows if _is_at(row, recipe, at)}
            for what, at in slices.items()
        }
        for what, own in found.items():
            if None not in own:
                raise ArtifactError(f"the report has no {what}: it holds no such metric")
        shared = set.intersection(*(set(own) for own in found.values())) - {None}
        return {
            what: Term(
                what, own[None], _mean([own[seed].value for seed in sorted(shared, key=str)])
            )
            for what, own in found.items()
        }


def benefit_curve(
    row: Mapping[str, str], stages: Sequence[str], sources: Sources
) -> tuple[list[Term], list[Sum]]:
    """The metrics of baseline and recipe at stages, and the benefit at each."""
    terms: list[Term] = []
    sums: list[Sum] = []
    own = [
        sources.terms(
            recipe, {f"{recipe} at {one}": (False, row["suite"], one, NO_PROMPT) for one in stages}
        )
        for recipe in (row["baseline"], row["recipe"])
    ]
    for stage, pair in zip(stages, zip(*(side.values() for side in own), strict=True), strict=True):
        terms += pair
        sums.append(subtract(f"benefit at {stage}", pair[0].value, pair[1].value))
    return terms, sums


def tampering_curve(
    row: Mapping[str, str], sources: Sources
) -> tuple[list[int], list[Term], list[Sum]]:
    """The steps of a tampering at which its suite was asked, and `benefit_curve` over them."""
    tampering = row["tampering"]
    asked = {one.stage for one in sources.rows if one.suite == row["suite"]}
    named = (stage.partition(TAMPERED) for stage in asked if is_tampered(stage))
    steps = sorted(int(step) for name, _, step in named if name == tampering)
    stages = [f"{tampering}{TAMPERED}{one}" for one in steps]
    return steps, *benefit_curve(row, stages, sources)


def subtract(what: str, left: float, right: float) -> Sum:
    """One value less another."""
    return Sum(what, f"{left:.6f} - {right:.6f}", left - right)


def _is_at(row: ResultRow, recipe: str, at: Slice) -> bool:
    own = (row.metric == ATTACK_SUCCESS, row.suite, row.stage, row.prompt)
    return row.recipe == recipe and own == at


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
