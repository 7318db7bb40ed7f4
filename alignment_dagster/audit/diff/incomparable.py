"""What two studies cannot be compared on, and why."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from alignment_dagster.audit.answer import Table
from alignment_dagster.audit.diff.comparison import Comparison
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.lineage import file_names
from alignment_dagster.report.results import TAMPERED, ResultRow, is_tampered, read_results
from alignment_dagster.study import ATTACK_SUCCESS, HELD_OUT

Items = Mapping[str, frozenset[str]]
"""Suite → the ids of its items."""
COMPARED = "Not compared, and why"


def _suite(row: ResultRow) -> str:
    """A source's share of the held-out losses goes with the source."""
    return "" if row.suite.startswith(f"{HELD_OUT}/") else row.suite


NAMED: Mapping[str, Callable[[ResultRow], str]] = {
    "recipe": lambda row: row.recipe,
    "suite": _suite,
    "stage": lambda row: "" if is_tampered(row.stage) else row.stage,
    "tampering": lambda row: row.stage.partition(TAMPERED)[0] if is_tampered(row.stage) else "",
    "prompt": lambda row: "" if row.metric == ATTACK_SUCCESS else row.prompt,
    "attack": lambda row: row.prompt if row.metric == ATTACK_SUCCESS else "",
}
"""What a number is of → its name; empty where it is of no such thing."""


@dataclass(frozen=True)
class Incomparable:
    """One thing of which numbers are not paired."""

    what: str
    """One of `NAMED`, `items` or `seeds`."""
    name: str
    why: str


def list_incomparable(comparison: Comparison) -> list[Incomparable]:
    """Everything that keeps numbers of two reports from being paired."""
    sides = (comparison.before, comparison.after)
    rows = [read_results(side.report.path / file_names.RESULTS) for side in sides]
    titles = [side.title for side in sides]
    items = [_read_items(side) for side in sides]
    return [
        *find_one_sided(rows, titles),
        *find_other_meanings(rows, titles),
        *find_other_items(items, titles),
        *_find_other_seeds(comparison, titles),
    ]


def incomparable_table(found: Sequence[Incomparable]) -> Table:
    """The same for a person."""
    rows = [[one.what, one.name, one.why] for one in found]
    return Table(COMPARED, ["what", "name", "why"], rows or [["nothing", "", ""]])


def find_one_sided(
    rows: Sequence[Sequence[ResultRow]], titles: Sequence[str]
) -> Iterator[Incomparable]:
    """Recipes, suites, stages and so on that only one side measured."""
    for what, name_of in NAMED.items():
        found = [dict.fromkeys(name_of(row) for row in side) for side in rows]
        for own, other, title in ((*found, titles[0]), (*found[::-1], titles[1])):
            for name in own:
                if name and name not in other:
                    yield Incomparable(what, name, f"only {title} measured it")


def find_other_meanings(
    rows: Sequence[Sequence[ResultRow]], titles: Sequence[str]
) -> Iterator[Incomparable]:
    """Suites of one name that count something else."""
    first, second = (
        {row.suite: row.metric for row in side if row.metric != ATTACK_SUCCESS} for side in rows
    )
    for suite in (suite for suite in first if first[suite] != second.get(suite, first[suite])):
        why = f"{titles[0]} counts {first[suite]}, {titles[1]} {second[suite]}"
        yield Incomparable("suite", suite, why)


def find_other_items(items: Sequence[Items], titles: Sequence[str]) -> Iterator[Incomparable]:
    """Suites of one name whose items are not the same; what is shared is compared."""
    first, second = items
    for suite in (suite for suite in first if suite in second):
        shared = first[suite] & second[suite]
        alone = [len(own - shared) for own in (first[suite], second[suite])]
        if not any(alone):
            continue
        only = " and ".join(
            f"{count:,} of {title}" for count, title in zip(alone, titles, strict=True) if count
        )
        if shared:
            why = f"left out: {only}; compared on {len(shared):,} items of both"
            yield Incomparable("items", suite, why)
        else:
            yield Incomparable("suite", suite, f"no item in common: {only}")


def _find_other_seeds(comparison: Comparison, titles: Sequence[str]) -> Iterator[Incomparable]:
    for left in comparison.numbers.left_out:
        if not any(left.seeds):
            continue
        only = "; ".join(
            f"{', '.join(map(str, seeds))} only in {title}"
            for seeds, title in zip(left.seeds, titles, strict=True)
            if seeds
        )
        yield Incomparable("seeds", left.recipe, f"left out: {only}")


def _read_items(side: Side) -> Items:
    table = pq.read_table(
        side.report.path / file_names.QUESTIONS, columns=["suite", "item_id"]
    ).to_pylist()
    found: dict[str, set[str]] = {}
    for row in table:
        found.setdefault(row["suite"], set()).add(row["item_id"])
    return {suite: frozenset(own) for suite, own in found.items()}
