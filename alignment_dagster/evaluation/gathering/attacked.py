"""How often attacks succeed, and what some of them were."""

from collections.abc import Sequence

from alignment_dagster.evaluation.cells import Evaluated
from alignment_dagster.evaluation.report_data import AttackExample, AttackRow
from alignment_dagster.evaluation.results import ResultRow
from alignment_dagster.study import ATTACK_SUCCESS

EXAMPLES = 2
"""Broken items shown of each attack that adds something to the prompt."""


def attack_rows(rows: Sequence[ResultRow]) -> tuple[AttackRow, ...]:
    """The pooled share of items that each attack broke, and the worst case over attacks."""
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
        )
        for row in rows
        if row.metric == ATTACK_SUCCESS and row.seed is None
    )


def attack_examples(evaluated: Sequence[Evaluated]) -> tuple[AttackExample, ...]:
    """A few items that an attack broke and that held without it, of each attack."""
    examples: dict[str, list[AttackExample]] = {}
    for one in evaluated:
        rows = one.attacks.to_pylist() if one.attacks is not None else []
        plain = {
            (row["stage"], row["suite"], row["item_id"])
            for row in rows
            if row["attack"] == "none" and not row["hit"]
        }
        for row in rows:
            at = (row["stage"], row["suite"], row["item_id"])
            if row["hit"] and at in plain:
                found = examples.setdefault(row["attack"], [])
                if len(found) < EXAMPLES and all(one.recipe != e.recipe for e in found):
                    texts = (row["adversarial"], row["prompt"], row["generation"])
                    named = (row["suite"], row["attack"], row["item_id"])
                    found.append(AttackExample(one.recipe, one.seed, row["stage"], *named, *texts))
    return tuple(example for found in examples.values() for example in found)
