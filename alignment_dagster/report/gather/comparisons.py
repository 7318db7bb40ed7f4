"""Recipes compared with the baseline on the same scenarios, and the claims judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from alignment_dagster.report import claims
from alignment_dagster.report.cells import Cells, Slice
from alignment_dagster.report.comparisons import compare, holm
from alignment_dagster.report.results import is_tampered
from alignment_dagster.report.rows import ClaimRow, ComparisonRow
from alignment_dagster.study import ACCURACY, Claim

Tables = Mapping[str, Mapping[Slice, Cells]]
"""Recipe → its slices."""
NOT_MEASURED = "not measured yet: nothing of this recipe, suite and stage has been evaluated"


def comparison_rows(
    tables: Tables, prompts: Mapping[str, str], margin: float
) -> tuple[ComparisonRow, ...]:
    """Every pair of recipes, the later less the earlier, on every suite and stage.

    Holm's correction is over all of them together.

    Args:
        tables: of the answers to suites with options.
        prompts: suite → the system prompt that is compared.
        margin: of the test of equivalence, for accuracies.
    """
    rows = [
        _comparison_row(recipe, against, at, cells, tables[against][at], margin)
        for against, recipe in combinations(tables, 2)
        for at, cells in tables[recipe].items()
        if at in tables[against]
        if at[2] == prompts.get(at[1]) and not is_tampered(at[0])
    ]
    corrected = holm([row.p_value for row in rows])
    return tuple(replace(row, p_holm=p) for row, p in zip(rows, corrected, strict=True))


def _comparison_row(
    recipe: str,
    baseline: str,
    at: Slice,
    cells: Cells,
    against: Cells,
    margin: float,
) -> ComparisonRow:
    own = margin if cells.metric == ACCURACY else None
    one = compare(cells.values, against.values, own)
    stage, suite, prompt = at
    return ComparisonRow(
        recipe=recipe,
        against=baseline,
        stage=stage,
        suite=suite,
        prompt=prompt,
        metric=cells.metric,
        value=one.value,
        ci_low=one.ci_low,
        ci_high=one.ci_high,
        p_value=one.p_value,
        p_holm=one.p_value,
        mcnemar_b=one.discordant[0],
        mcnemar_c=one.discordant[1],
        mcnemar_p=one.mcnemar_p,
        detectable=one.minimal_detectable_effect,
        equivalent=one.equivalent,
        margin=own,
        n=one.n,
        seeds=one.seeds,
    )


def claim_rows(
    declared: Sequence[Claim],
    answers: Tables,
    attacks: Tables,
    last_steps: Mapping[str, int],
    recorded: Mapping[str, Sequence[frozenset[str]]],
) -> tuple[ClaimRow, ...]:
    """Every claim with its verdict; Holm over the claims that could be tested.

    Args:
        declared: the study's claims.
        answers: recipe → slices of suites with options.
        attacks: recipe → slices of attacks.
        last_steps: tampering → its last step.
        recorded: recipe → for each of its checkpoints, the digests of the claims declared when
            it was trained.
    """
    rows = []
    for claim in declared:
        stage = claim.stage
        if stage in last_steps:
            stage = f"{stage}@{last_steps[stage]}"
        tables = attacks if claim.attack else answers
        at = (stage, claim.suite, claim.attack or claim.prompt)
        pair = [tables.get(recipe, {}).get(at) for recipe in (claim.recipe, claim.than)]
        checkpoints = [one for r in (claim.recipe, claim.than) for one in recorded.get(r, ())]
        before = sum(claim.digest in one for one in checkpoints)
        rows.append(_claim_row(claim, pair, before, len(checkpoints)))
    tested = [row for row in rows if not row.reason]
    corrected = iter(holm([row.p_value for row in tested]))
    return tuple(row if row.reason else replace(row, p_holm=next(corrected)) for row in rows)


def _claim_row(
    claim: Claim, pair: Sequence[Cells | None], before: int, checkpoints: int
) -> ClaimRow:
    row = ClaimRow(
        name=claim.name,
        statement=claim.statement,
        verdict="undecided",
        value=0.0,
        ci_low=0.0,
        ci_high=0.0,
        p_value=1.0,
        p_holm=1.0,
        n=0,
        seeds=0,
        detectable=0.0,
        by_at_least=claim.by_at_least,
        within=claim.within,
        relation=claim.relation,
        recipe=claim.recipe,
        than=claim.than,
        suite=claim.suite,
        stage=claim.stage,
        prompt=claim.prompt,
        attack=claim.attack,
        declared_before=before,
        checkpoints=checkpoints,
        sentence="",
        reason=NOT_MEASURED,
    )
    first, second = pair
    if first is None or second is None:
        return row
    one = claims.judge(claim, first.values, second.values)
    return replace(
        row,
        verdict=one.verdict,
        value=one.effect.value,
        ci_low=one.effect.ci_low,
        ci_high=one.effect.ci_high,
        p_value=one.p_value,
        n=one.effect.scenarios,
        seeds=one.effect.seeds,
        detectable=one.detectable,
        sentence=one.sentence,
        reason="",
    )
