"""The answers that changed: the same item, asked the same way of the same recipe and seed."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.audit.diff.shared_rows import TABLES, row_keys
from alignment_dagster.release.gate.paired_test import PairedReplicates
from alignment_dagster.report.cells import Replicate

ASKED = (
    "suite", "item_id", "scenario_id", "topic", "stage", "system_prompt", "format",
    "option_order", "target",
)  # fmt: skip
ANSWERED = ("choice", "hit", "log_probabilities")
SCHEMA = pa.schema(
    [
        ("recipe", pa.string()), ("seed", pa.int64()), ("suite", pa.string()),
        ("item_id", pa.string()), ("scenario_id", pa.string()), ("topic", pa.string()),
        ("stage", pa.string()), ("system_prompt", pa.string()), ("format", pa.string()),
        ("option_order", pa.int8()), ("target", pa.int8()), ("choice_then", pa.int8()),
        ("choice_now", pa.int8()), ("hit_then", pa.float64()), ("hit_now", pa.float64()),
        ("log_probabilities_then", pa.list_(pa.float64())),
        ("log_probabilities_now", pa.list_(pa.float64())),
    ]
)  # fmt: skip


def find_flips(sides: Sequence[PairedReplicates]) -> pa.Table:
    """Every answer of which the choice, or how much it counts, is another now."""
    rows = [
        row
        for one in sides
        for then, now in zip(one.then, one.now, strict=True)
        for row in _find_flipped(one.recipe, then, now)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _find_flipped(recipe: str, then: Replicate, now: Replicate) -> Iterator[dict[str, Any]]:
    keys = (row_keys(one.items, TABLES["items"]) for one in (now, then))
    at = pc.index_in(next(keys), value_set=next(keys))
    old = then.items.take(at)
    changed = pc.or_(
        pc.not_equal(old["choice"], now.items["choice"]),
        pc.not_equal(*(pc.cast(side["hit"], pa.float64()) for side in (old, now.items))),
    )
    pairs = zip(
        old.filter(changed).select(ANSWERED).to_pylist(),
        now.items.filter(changed).to_pylist(),
        strict=True,
    )
    for was, row in pairs:
        yield {
            "recipe": recipe,
            "seed": now.seed,
            **{column: row[column] for column in ASKED},
            **{f"{column}_then": was[column] for column in ANSWERED},
            **{f"{column}_now": row[column] for column in ANSWERED},
        }
