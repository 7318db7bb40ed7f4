"""The rows of measurements that both sides have, and what is left out for the comparison."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.report.cells import Replicate

TABLES = {
    "items": ("suite", "item_id", "scenario_id", "stage", "system_prompt", "format",
              "option_order"),
    "attacks": ("suite", "item_id", "scenario_id", "stage", "attack"),
    "losses": ("source", "document_id", "stage"),
}  # fmt: skip
"""Table → what makes a row of it the same measurement on both sides; first what was measured."""
IDENTITY = 2
"""Of these columns, how many say which item or document it is."""
BORDER = "\x1f"

Replicates = tuple[Replicate, ...]
Counts = tuple[int, int]
"""Only before, only after."""
NONE: Counts = (0, 0)


@dataclass(frozen=True)
class LeftOut:
    """What the comparison of one recipe leaves out, since only one side has it."""

    recipe: str
    seeds: tuple[tuple[int, ...], tuple[int, ...]]
    items: Counts
    """Items (a suite's, or held-out documents) that one side never measured."""
    rows: Counts
    """Of each seed: answers, attacked items and losses, those of `items` among them."""


def restrict_to_shared(
    recipe: str, before: Replicates, after: Replicates
) -> tuple[Replicates, Replicates, LeftOut | None]:
    """Both sides with the seeds and rows that both have; None where nothing is left out."""
    seeds = [{one.seed for one in side} for side in (before, after)]
    only = (tuple(sorted(seeds[0] - seeds[1])), tuple(sorted(seeds[1] - seeds[0])))
    sides = [
        tuple(one for one in side if one.seed in seeds[0] & seeds[1]) for side in (before, after)
    ]
    items, rows = NONE, NONE
    if all(sides):
        for table in TABLES:
            sides, lost, gone = _restrict_table(sides, table)
            items, rows = _add(items, lost), _add(rows, gone)
    left = LeftOut(recipe, only, items, rows)
    nothing = (only, rows) == (((), ()), NONE)
    return sides[0], sides[1], None if nothing else left


def _restrict_table(
    sides: Sequence[Replicates], table: str
) -> tuple[list[Replicates], Counts, Counts]:
    """Both sides with the shared rows of a table alone; how many items and rows that leaves out."""
    found = [_first_table(side, table) for side in sides]
    keys = [row_keys(one, TABLES[table]) for one in found]
    if keys[0].equals(keys[1]):
        return [*sides], NONE, NONE
    shared = keys[0].filter(pc.is_in(keys[0], value_set=keys[1]))
    rows = (len(keys[0]) - len(shared), len(keys[1]) - len(shared))
    things = [pc.unique(row_keys(one, TABLES[table][:IDENTITY])) for one in found]
    items = (_count_only(things[0], things[1]), _count_only(things[1], things[0]))
    return [_keep_shared(side, table, shared) for side in sides], items, rows


def _first_table(side: Replicates, table: str) -> pa.Table | None:
    found = [getattr(one, table) for one in side]
    return next((one for one in found if one is not None), None)


def row_keys(table: pa.Table | None, columns: Sequence[str]) -> pa.Array:
    """What identifies each row, as one text; in the rows' order, so that sums stay the same."""
    if table is None or not table.num_rows:
        return pa.array([], pa.string())
    texts = [pc.cast(table[column], pa.string()).combine_chunks() for column in columns]
    return pc.binary_join_element_wise(*texts, BORDER)


def _keep_shared(side: Replicates, table: str, shared: pa.Array) -> Replicates:
    def kept(name: str, found: pa.Table) -> pa.Table:
        if name != table or not found.num_rows:
            return found
        return found.filter(pc.is_in(row_keys(found, TABLES[name]), value_set=shared))

    return tuple(
        replace(
            one,
            items=kept("items", one.items),
            losses=kept("losses", one.losses),
            attacks=None if one.attacks is None else kept("attacks", one.attacks),
        )
        for one in side
    )


def _count_only(first: pa.Array, second: pa.Array) -> int:
    return len(first) - int(pc.sum(pc.is_in(first, value_set=second)).as_py() or 0)


def _add(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1]
