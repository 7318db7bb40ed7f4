"""Where the numbers come apart: by topic, by form, and item by item."""

from collections.abc import Mapping, Sequence

import pyarrow.compute as pc

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.report.cells import (
    NO_PROMPT,
    Replicate,
    Slice,
    by_recipe,
    item_cells,
)
from alignment_dagster.report.diagnostics import FormatRate, format_rates
from alignment_dagster.report.results import TopicRow, is_tampered
from alignment_dagster.report.rows import Disagreement, FormatRow

MOST_DISAGREEMENTS = 8
"""Items shown of each suite and stage."""


def topic_rows(replicates: Sequence[Replicate], metrics: Mapping[str, str]) -> tuple[TopicRow, ...]:
    """The pooled rate of every topic, recipe, stage and system prompt."""
    rows: list[TopicRow] = []
    topics = sorted(
        {
            (row["suite"], row["topic"])
            for one in replicates
            for row in one.items.group_by(["suite", "topic"]).aggregate([]).to_pylist()
        }
    )
    for recipe, seeds in by_recipe(replicates).items():
        for suite, topic in topics:
            only = (pc.field("suite") == suite) & (pc.field("topic") == topic)
            for at, cells in item_cells(seeds, metrics, only).items():
                stage, _, prompt = at
                if not is_tampered(stage):
                    one = cells.estimate()
                    numbers = (one.value, one.ci_low, one.ci_high, one.scenarios)
                    rows.append(TopicRow(recipe, stage, suite, topic, prompt, *numbers))
    return tuple(rows)


def format_rows(
    replicates: Sequence[Replicate], metrics: Mapping[str, str]
) -> tuple[FormatRow, ...]:
    """Each form's own rate, mean over the seeds, without a system prompt."""
    rows: list[FormatRow] = []
    for recipe, seeds in by_recipe(replicates).items():
        found: dict[tuple[str, str, str], list[FormatRate]] = {}
        for one in seeds:
            plain = one.items.filter(pc.field("system_prompt") == NO_PROMPT)
            for rate in format_rates(plain):
                if not is_tampered(rate.stage):
                    found.setdefault((rate.stage, rate.suite, rate.format), []).append(rate)
        cells = {
            (*at[:2], name): found
            for name in {name for *_, name in found}
            for at, found in item_cells(
                seeds,
                metrics,
                (pc.field("format") == name) & (pc.field("system_prompt") == NO_PROMPT),
            ).items()
        }
        estimates = {at: cells[at].estimate() for at in found if at in cells}
        rows += [
            FormatRow(
                recipe,
                *at,
                value=estimates[at].value,
                ci_low=estimates[at].ci_low,
                ci_high=estimates[at].ci_high,
                n=estimates[at].scenarios,
                summed=_mean_of_known([rate.summed for rate in rates]),
                by_length=_mean_of_known([rate.by_length for rate in rates]),
                first_shown=_mean_of_known([rate.first_shown for rate in rates]),
                ties=sum(rate.ties for rate in rates),
            )
            for at, rates in found.items()
            if at in estimates
        ]
    return tuple(rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _mean_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _mean(known) if known else None


def disagreements(
    replicates: Sequence[Replicate],
    metrics: Mapping[str, str],
    items: Mapping[str, Sequence[Item]],
    stages: Sequence[str],
) -> tuple[Disagreement, ...]:
    """The scenarios whose rates lie furthest apart between recipes; one item stands for each.

    Args:
        replicates: every replicate.
        metrics: suite → metric, of the suites to look at.
        items: suite → its items.
        stages: the stages to look at.
    """
    rates: dict[Slice, dict[str, dict[str, float]]] = {}
    for recipe, seeds in by_recipe(replicates).items():
        for at, cells in item_cells(seeds, metrics).items():
            if at[0] in stages and at[2] == NO_PROMPT:
                means = zip(cells.units, cells.values.mean(axis=0), strict=True)
                for scenario, value in means:
                    rates.setdefault(at, {}).setdefault(scenario, {})[recipe] = float(value)
    rows: list[Disagreement] = []
    for (stage, suite, _), scenarios in rates.items():
        first = {item.scenario_id: item for item in reversed(items[suite])}
        ranges = sorted(
            (min(found.values()) - max(found.values()), scenario)
            for scenario, found in scenarios.items()
        )
        rows += [
            _disagreement(stage, first[scenario], scenarios[scenario])
            for apart, scenario in ranges[:MOST_DISAGREEMENTS]
            if apart < 0
        ]
    return tuple(rows)


def _disagreement(stage: str, item: Item, rates: Mapping[str, float]) -> Disagreement:
    others = [option for n, option in enumerate(item.options) if n != item.target]
    return Disagreement(
        suite=item.suite,
        stage=stage,
        item_id=item.item_id,
        question=" ".join(part for part in (item.question, item.ask) if part),
        aligned=" / ".join(others),
        misaligned=item.options[item.target],
        rates=dict(rates),
    )
