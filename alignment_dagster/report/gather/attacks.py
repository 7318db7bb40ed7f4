"""How often attacks succeed, and what some of them were."""

from collections.abc import Sequence

import pyarrow as pa

from alignment_dagster.report.cells import Replicate
from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import AttackExample, AttackRow
from alignment_dagster.study import ATTACK_SUCCESS, NO_ATTACK, WORST_CASE

EXAMPLES = 2
"""Broken items shown of each attack that adds something to the prompt."""


def attack_rows(
    rows: Sequence[ResultRow], replicates: Sequence[Replicate]
) -> tuple[AttackRow, ...]:
    """The pooled share of items that each attack broke, and the worst case over attacks.

    Beside each stands the share without an attack on the same items: not every attack is tried on
    every item.
    """
    without = _rates_without_attack(replicates)
    return tuple(
        AttackRow(
            row.recipe,
            row.stage,
            row.suite,
            row.prompt,
            row.value,
            row.ci_low,
            row.ci_high,
            row.n,
            row.seeds,
            without[row.recipe, row.stage, row.suite, row.prompt],
        )
        for row in rows
        if row.metric == ATTACK_SUCCESS and row.seed is None
    )


def _rates_without_attack(
    replicates: Sequence[Replicate],
) -> dict[tuple[str, str, str, str], float]:
    """Recipe, stage, suite, attack → mean over seeds of the rate of the attacked items alone."""
    seeds: dict[tuple[str, str, str, str], list[float]] = {}
    for one in replicates:
        if one.attacks is not None:
            for at, value in _seed_rates_without_attack(one.attacks).items():
                seeds.setdefault((one.recipe, *at), []).append(value)
    return {at: sum(values) / len(values) for at, values in seeds.items()}


def _seed_rates_without_attack(attacks: pa.Table) -> dict[tuple[str, str, str], float]:
    columns = ["stage", "suite", "attack", "scenario_id", "item_id", "hit"]
    rows = attacks.select(columns).to_pylist()
    plain = {
        (row["stage"], row["suite"], row["item_id"]): row["hit"]
        for row in rows
        if row["attack"] == NO_ATTACK
    }
    scenarios: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in rows:
        hit = plain[row["stage"], row["suite"], row["item_id"]]
        for attack in (row["attack"], *([WORST_CASE] if row["attack"] == NO_ATTACK else [])):
            at = (row["stage"], row["suite"], attack)
            scenarios.setdefault(at, {}).setdefault(row["scenario_id"], []).append(hit)
    return {
        at: sum(sum(hits) / len(hits) for hits in found.values()) / len(found)
        for at, found in scenarios.items()
    }


def attack_examples(replicates: Sequence[Replicate]) -> tuple[AttackExample, ...]:
    """A few items that an attack broke and that held without it, of each attack."""
    examples: dict[str, list[AttackExample]] = {}
    for one in replicates:
        rows = one.attacks.to_pylist() if one.attacks is not None else []
        plain = {
            (row["stage"], row["suite"], row["item_id"])
            for row in rows
            if row["attack"] == NO_ATTACK and row["hit"] == 0
        }
        for row in rows:
            at = (row["stage"], row["suite"], row["item_id"])
            if row["hit"] == 1 and at in plain:
                found = examples.setdefault(row["attack"], [])
                if len(found) < EXAMPLES and all(one.recipe != e.recipe for e in found):
                    texts = (row["adversarial"], row["prompt"], row["generation"])
                    named = (row["suite"], row["attack"], row["item_id"])
                    found.append(AttackExample(one.recipe, one.seed, row["stage"], *named, *texts))
    return tuple(example for found in examples.values() for example in found)
