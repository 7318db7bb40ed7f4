"""What a canary showed: whether it was lost or missed, and whether a model learnt it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from alignment_dagster.report.canaries import CanaryRow
from alignment_dagster.study import Canary, Study

BASE = "base"
CHANCE = 0.05
"""All completions of a seed's probes are the likeliest by chance no more often than this."""


@dataclass(frozen=True)
class CanaryOutcome:
    """What a canary showed, all recipes together."""

    canary: str
    description: str
    passed: bool
    """Whether all documents have their dispositions, and none was kept that was to be caught."""
    sentences: tuple[str, ...]
    """What did not hold, then what its probes say."""

    @property
    def summary(self) -> str:
        return " ".join(self.sentences)


def canary_outcomes(study: Study, rows: Sequence[CanaryRow]) -> list[CanaryOutcome]:
    """One for each canary, in their declared order."""
    return [
        _outcome(canary, [row for row in rows if row.canary == canary.name])
        for canary in study.declaration.canaries
    ]


def _outcome(canary: Canary, rows: Sequence[CanaryRow]) -> CanaryOutcome:
    problems = [said for row in rows if (said := _problem(row, canary.caught_by))]
    learnt = [_exposure_sentence(row, rows) for row in rows if row.probed and row.is_trained_on]
    held = () if problems else (_held_sentence(canary, rows),)
    return CanaryOutcome(canary.name, canary.description, not problems, (*problems, *held, *learnt))


def _problem(row: CanaryRow, rules: Sequence[str]) -> str | None:
    """What is not as it was declared under one recipe."""
    if row.planted < row.documents:
        return (
            f"{row.documents - row.planted} of {row.documents} planted documents have no "
            f"disposition under {row.recipe}: they were lost on the way."
        )
    if row.missed:
        named = " or ".join(rules)
        return f"{row.recipe} keeps {row.missed} of {row.planted}, which {named} was to drop."
    return None


def _held_sentence(canary: Canary, rows: Sequence[CanaryRow]) -> str:
    count = rows[0].documents if rows else 0
    said = f"All {count} planted documents are accounted for"
    return f"{said}, and what was to be caught was." if canary.caught_by else f"{said}."


def _exposure_sentence(row: CanaryRow, rows: Sequence[CanaryRow]) -> str:
    """What the probes say of a recipe that read the canary, beside those that did not."""
    without = [one for one in rows if one.probed and not one.is_trained_on]
    beside = ""
    if without:
        mean = fmean(one.exposure[BASE] for one in without)
        beside = f", {mean:.2f} under {', '.join(one.recipe for one in without)} without it"
    said = (
        f"Under {row.recipe} {row.likeliest[BASE]} of {row.probed} completions are the likeliest "
        f"of their candidates before post-training: exposure {row.exposure[BASE]:.2f} bits of at "
        f"most {row.most or 0:.2f} ({row.by_chance or 0:.2f} by chance{beside})"
    )
    return f"{said}: the model learnt it." if is_learnt(row, without) else f"{said}."


def is_learnt(row: CanaryRow, without: Sequence[CanaryRow]) -> bool:
    """Whether the probes betray that the models of a recipe learnt the canary.

    Every completion is the likeliest of its candidates; by chance that is rare even for one seed;
    and it is not so under a recipe that did not read it (`without`).
    """
    of_a_seed = row.probed / max(1, row.seeds)
    return (
        row.is_trained_on
        and 0 < row.probed == row.likeliest[BASE]
        and of_a_seed * (row.most or 0.0) >= math.log2(1 / CHANCE)
        and all(one.likeliest[BASE] < one.probed for one in without)
    )
