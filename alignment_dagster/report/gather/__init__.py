"""From the artifacts behind a report to the rows on its page."""

from collections.abc import Mapping, Sequence

from alignment_dagster import chain
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.evaluation.suites.loader import chance, load_suite
from alignment_dagster.foundation.placement import Price
from alignment_dagster.report.canary_outcomes import canary_outcomes
from alignment_dagster.report.cells import Replicate, attack_cells, by_recipe
from alignment_dagster.report.cells import item_cells as answer_cells
from alignment_dagster.report.gather import artifacts, breakdowns
from alignment_dagster.report.gather.account import count_rows
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.report.gather.attacks import attack_examples, attack_rows
from alignment_dagster.report.gather.canaries import gather_canaries
from alignment_dagster.report.gather.comparisons import claim_rows, comparison_rows
from alignment_dagster.report.gather.compute import compute_rows
from alignment_dagster.report.gather.durability import (
    erosion_points,
    erosion_summaries,
    persistence_rows,
)
from alignment_dagster.report.gather.leaks import leak_rows
from alignment_dagster.report.gather.limits import study_limits
from alignment_dagster.report.gather.replicates import (
    read_replicates,
    recorded_claims,
    refuse_changed_suites,
    tampering_tokens,
)
from alignment_dagster.report.gather.written import gather_written
from alignment_dagster.report.results import ResultRow, is_tampered, result_rows
from alignment_dagster.report.rows import LIMITS, Disagreement, DriftRow, ReportData
from alignment_dagster.report.terminal_table import headline_prompt
from alignment_dagster.study import HELD_OUT, MISALIGNMENT_RATE, Study


def gather(study: Study, parents: Parents, price: Price | None) -> ReportData:
    """Everything on the page, computed from the artifacts alone.

    Args:
        price: of a device hour, for what is said of the cost.
    """
    declared = study.declaration
    refuse_changed_suites(study, parents)
    replicates = read_replicates(parents)
    metrics = {suite.name: suite.metric for suite in study.suites}
    results = result_rows(replicates, metrics)
    answers = {
        recipe: answer_cells(seeds, metrics) for recipe, seeds in by_recipe(replicates).items()
    }
    tokens = tampering_tokens(parents)
    asked = {one.name: load_suite(one, study.assets) for one in study.suites}
    items = {one.name: asked[one.name] for one in study.suites if one.has_options}
    canaries = gather_canaries(study, parents)
    misalignment = [name for name, metric in metrics.items() if metric == MISALIGNMENT_RATE]
    return ReportData(
        study=study.name,
        description=declared.description,
        recipes=study.recipes,
        suites=study.suites,
        results=results,
        baseline=declared.baseline,
        chances={suite: chance(found) for suite, found in items.items()},
        topics=breakdowns.topic_rows(replicates, metrics),
        comparisons=comparison_rows(
            answers,
            {suite: headline_prompt(results, suite) for suite in metrics},
            declared.evaluation.capability_margin,
        ),
        claims=claim_rows(
            declared.claims,
            answers,
            {recipe: attack_cells(seeds) for recipe, seeds in by_recipe(replicates).items()},
            {tampering.name: tampering.steps for tampering in declared.tampering},
            recorded_claims(parents),
        ),
        erosion=erosion_points(results, declared.tampering, tokens),
        erosion_summaries=erosion_summaries(answers, declared.baseline, declared.tampering, tokens),
        persistence=persistence_rows(answers, declared.baseline, misalignment),
        attacks=attack_rows(results, replicates),
        attack_examples=attack_examples(replicates),
        disagreements=_disagreements(items, replicates, metrics, declared.post_training.stages[-1]),
        formats=breakdowns.format_rows(replicates, metrics),
        drift=_drift([row for row in results if not is_tampered(row.stage)]),
        tampered_drift=_drift([row for row in results if is_tampered(row.stage)]),
        composition=artifacts.read_composition(parents),
        losses=[
            point
            for a in parents.all(chain.PRETRAINED_CHECKPOINT)
            for point in artifacts.read_losses(a, parents)
        ],
        dispositions=[
            count
            for recipe in study.recipes
            for count in artifacts.count_dispositions(recipe.name, parents)
        ],
        read=count_rows(parents),
        filter_quality=artifacts.measure_filter(parents),
        leaks=leak_rows(asked),
        canaries=canaries,
        canary_outcomes=canary_outcomes(study, canaries),
        written=gather_written(study, parents),
        compute=compute_rows(parents),
        price=price,
        checks=[
            one for artifact in parents.distinct() for one in artifacts.check_outcomes(artifact)
        ],
        versions=[artifacts.artifact_version(artifact) for artifact in parents.distinct()],
        limits=(*declared.limits, *study_limits(study, parents, replicates), *LIMITS),
    )


def _disagreements(
    items: Mapping[str, Sequence[Item]],
    replicates: list[Replicate],
    metrics: Mapping[str, str],
    last: str,
) -> tuple[Disagreement, ...]:
    """Of suites with options, at the first and at the last stage of training."""
    return breakdowns.disagreements(
        replicates, {name: metrics[name] for name in items}, items, ("base", last)
    )


def _drift(rows: Sequence[ResultRow]) -> tuple[DriftRow, ...]:
    """Bits per byte of each source's held-out text at every stage, pooled over seeds."""
    return tuple(
        DriftRow(
            row.recipe,
            row.suite.removeprefix(f"{HELD_OUT}/"),
            row.stage,
            row.value,
            row.ci_low,
            row.ci_high,
        )
        for row in rows
        if row.seed is None and row.suite.startswith(f"{HELD_OUT}/")
    )
