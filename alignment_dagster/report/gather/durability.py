"""Does the benefit last: through post-training, and through tampering."""

from collections.abc import Mapping, Sequence

import numpy as np

from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.lineage.partition_keys import recipe_of, seed_of
from alignment_dagster.report import durability
from alignment_dagster.report.cells import NO_PROMPT, on_shared_seeds
from alignment_dagster.report.gather.comparisons import Tables
from alignment_dagster.report.results import TAMPERED, ResultRow, is_tampered
from alignment_dagster.report.rows import ErosionPoint, ErosionSummary, PersistenceRow
from alignment_dagster.report.statistics import Array
from alignment_dagster.study import MISALIGNMENT_RATE, Tampering

Tokens = Mapping[tuple[str, int], Mapping[str, int]]
"""Tampering and step → partition → tokens trained on until then."""
FROM = "base"


def erosion_points(
    rows: Sequence[ResultRow], declared: Sequence[Tampering], tokens: Tokens
) -> tuple[ErosionPoint, ...]:
    """The measured points of every curve, pooled and for each seed."""
    kinds = {tampering.name: tampering.kind for tampering in declared}
    points = []
    for row in rows:
        name, _, step = row.stage.partition(TAMPERED)
        if is_tampered(row.stage) and row.metric == MISALIGNMENT_RATE and name in kinds:
            numbers = (row.value, row.ci_low, row.ci_high)
            at = (row.suite, int(step), mean_tokens(tokens[name, int(step)], row.recipe, row.seed))
            points.append(ErosionPoint(name, kinds[name], row.recipe, row.seed, *at, *numbers))
    return tuple(points)


def mean_tokens(tokens: Mapping[str, int], recipe: str, seed: int | None = None) -> int:
    """Tokens of one replicate, or their mean over a recipe's seeds."""
    own = [
        count
        for partition, count in tokens.items()
        if recipe_of(partition) == recipe and seed in (None, seed_of(partition))
    ]
    return round(sum(own) / len(own))


def erosion_summaries(
    tables: Tables,
    baseline: str,
    declared: Sequence[Tampering],
    tokens: Tokens,
) -> tuple[ErosionSummary, ...]:
    """What each tampering leaves of each recipe's benefit over the baseline."""
    rows = []
    for tampering in declared:
        steps = sorted(step for name, step in tokens if name == tampering.name)
        for suite in tampering.suites:
            for recipe in tables:
                found = _curves(tables, (baseline, recipe), tampering.name, suite, steps)
                if recipe != baseline and found is not None:
                    spent = [mean_tokens(tokens[tampering.name, step], recipe) for step in steps]
                    one = durability.erosion(*found, steps, spent)
                    rows.append(_summary_row(tampering, recipe, baseline, suite, one))
    return tuple(rows)


def _curves(
    tables: Tables, recipes: tuple[str, str], tampering: str, suite: str, steps: Sequence[int]
) -> tuple[np.ndarray, np.ndarray] | None:
    """[points, seeds, scenarios] of both recipes; None where a point is missing."""
    curves = []
    for recipe in recipes:
        stages = [f"{tampering}{TAMPERED}{step}" for step in steps]
        found = [tables.get(recipe, {}).get((stage, suite, NO_PROMPT)) for stage in stages]
        cells = [one for one in found if one is not None and one.metric == MISALIGNMENT_RATE]
        if not steps or len(cells) < len(steps):
            return None
        shared = on_shared_seeds(cells)
        if not shared:
            return None
        curves.append(np.stack(shared))
    return curves[0], curves[1]


def _summary_row(
    tampering: Tampering, recipe: str, baseline: str, suite: str, one: durability.Erosion
) -> ErosionSummary:
    first, last = one.benefit[0], one.benefit[-1]
    ratio = one.persistence.ratio
    return ErosionSummary(
        tampering=tampering.name,
        kind=tampering.kind,
        recipe=recipe,
        baseline=baseline,
        suite=suite,
        before=first.value,
        before_low=first.ci_low,
        before_high=first.ci_high,
        after=last.value,
        after_low=last.ci_low,
        after_high=last.ci_high,
        ratio=ratio.value if ratio else None,
        ratio_low=ratio.ci_low if ratio else None,
        ratio_high=ratio.ci_high if ratio else None,
        half_steps=one.half_life_steps,
        half_tokens=one.half_life_tokens,
        half_note=one.half_life_note,
        area=one.area.value,
        area_low=one.area.ci_low,
        area_high=one.area.ci_high,
    )


def persistence_rows(
    tables: Tables, baseline: str, suites: Sequence[str]
) -> tuple[PersistenceRow, ...]:
    """What post-training leaves of each recipe's benefit over the baseline."""
    rows = []
    for recipe in tables:
        for suite in suites:
            for stage in POST_TRAINING_STAGES:
                sides = [
                    _before_and_after(tables, name, suite, stage) for name in (baseline, recipe)
                ]
                if recipe != baseline and all(sides):
                    rows.append(_persistence_row(recipe, baseline, suite, stage, *sides))
    return tuple(rows)


def _before_and_after(tables: Tables, recipe: str, suite: str, stage: str) -> list[Array]:
    """[seeds, scenarios] of both stages, of the seeds that have both; empty without them."""
    found = [tables.get(recipe, {}).get((at, suite, NO_PROMPT)) for at in (FROM, stage)]
    known = [one for one in found if one is not None]
    return on_shared_seeds(known) if len(known) == len(found) else []


def _persistence_row(
    recipe: str, baseline: str, suite: str, stage: str, against: list[Array], own: list[Array]
) -> PersistenceRow:
    one = durability.persistence(against[0], own[0], against[1], own[1])
    return PersistenceRow(
        recipe=recipe,
        baseline=baseline,
        suite=suite,
        from_stage=FROM,
        to_stage=stage,
        before=one.before.value,
        before_low=one.before.ci_low,
        before_high=one.before.ci_high,
        after=one.after.value,
        after_low=one.after.ci_low,
        after_high=one.after.ci_high,
        ratio=one.ratio.value if one.ratio else None,
        ratio_low=one.ratio.ci_low if one.ratio else None,
        ratio_high=one.ratio.ci_high if one.ratio else None,
        note=one.note,
    )
