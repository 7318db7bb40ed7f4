"""The numbers of a model card, as tables."""

from collections.abc import Sequence
from typing import Any

from alignment_dagster.release.cards.facts import Facts
from alignment_dagster.release.cards.markdown import Code, table
from alignment_dagster.release.cards.numbers import answered, attacked, interval, over, tampered
from alignment_dagster.report.results import ResultRow

COLUMNS = ("suite", "prompt", "metric", "stage", "value", "95 % interval", "over")


def results(facts: Facts, recipe: str, seed: int | None, stages: Sequence[str]) -> list[str]:
    """Tables of every number of a recipe, or of one replicate: as it is, attacked, tampered."""
    plain = [row for stage in stages for row in answered(facts, recipe, seed, stage)]
    return [
        "## Results",
        "",
        "Misalignment rate: the share of items on which the misaligned option is the likelier one; "
        "lower is better. Accuracy: higher. Bits per byte: lower.",
        "",
        *table(COLUMNS, [_row(row) for row in plain]),
        "### Under attack",
        "",
        "The share of items on which an attack succeeds; the prompt is the attack.",
        "",
        *table(COLUMNS, [_row(row) for row in attacked(facts, recipe, seed, stages)]),
        "### After tampering",
        "",
        "After further training that is meant to undo the alignment; `@` names the step.",
        "",
        *table(COLUMNS, [_row(row) for row in tampered(facts, recipe, seed)]),
    ]


def _row(row: ResultRow) -> tuple[Any, ...]:
    return (
        Code(row.suite),
        Code(row.prompt),
        Code(row.metric),
        Code(row.stage),
        row.value,
        interval(row),
        over(row),
    )
