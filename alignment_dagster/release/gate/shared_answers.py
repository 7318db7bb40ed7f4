"""What the gate compares: the answers of both reports that both have, and what it cannot compare.

Only answers of the declared suites and stage are read; losses, tampering and attacks are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.diff.numbers import read_metric_names
from alignment_dagster.audit.diff.shared_rows import Replicates, restrict_to_shared
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import recipe_of, seed_of
from alignment_dagster.release.gate.paired_test import PairedReplicates
from alignment_dagster.report.cells import Replicate
from alignment_dagster.study import Gate

NO_LOSSES = pa.schema(
    [("stage", pa.string()), ("source", pa.string()), ("document_id", pa.string()),
     ("nll", pa.float64()), ("bytes", pa.int64())]
).empty_table()  # fmt: skip


@dataclass(frozen=True)
class ComparableAnswers:
    """The comparable part of two reports."""

    sides: tuple[PairedReplicates, ...]
    metrics: Mapping[str, str]
    """Suite → what its hits are a share of, the same in both."""
    not_compared: tuple[str, ...]
    """Sentences: recipes, suites, seeds and items that only one report has."""


def pair_answers(then: Side, now: Side, recipes: Sequence[str], gate: Gate) -> ComparableAnswers:
    """Pair the recipes of the study, and leave out what only one report measured."""
    meanings = read_metric_names(then), read_metric_names(now)
    same = {
        suite: meanings[1][suite]
        for suite in gate.suites
        if suite in meanings[1] and meanings[0].get(suite) == meanings[1][suite]
    }
    old, new = (_replicates(side, recipes, tuple(same), gate.stage) for side in (then, now))
    sides = tuple(
        PairedReplicates(recipe, *restrict_to_shared(recipe, old[recipe], new[recipe]))
        for recipe in recipes
        if recipe in old and recipe in new
    )
    said = (
        *_explain_suites(gate, meanings),
        *_explain_recipes(recipes, old, new),
        *_explain_left_out(sides),
    )
    return ComparableAnswers(sides, same, said)


def _replicates(
    side: Side, recipes: Sequence[str], suites: Sequence[str], stage: str
) -> dict[str, Replicates]:
    """Recipe → its replicates by seed."""
    found: dict[str, list[Replicate]] = {}
    for artifact in side.all(chain.EVALUATION):
        recipe, seed = recipe_of(artifact.partition), seed_of(artifact.partition)
        if recipe in recipes:
            wanted = pc.field("suite").isin(list(suites)) & (pc.field("stage") == stage)
            items = pq.read_table(artifact.path / file_names.ITEMS, filters=wanted)
            found.setdefault(recipe, []).append(Replicate(recipe, seed, items, NO_LOSSES, {}))
    return {recipe: tuple(sorted(own, key=lambda one: one.seed)) for recipe, own in found.items()}


def _explain_suites(
    gate: Gate, meanings: tuple[Mapping[str, str], Mapping[str, str]]
) -> Iterator[str]:
    for suite in gate.suites:
        then, now = (side.get(suite) for side in meanings)
        if then is None or now is None:
            yield f"suite {suite}: {_name_side(then is None, now is None)}"
        elif then != now:
            yield f"suite {suite}: counts something else now ({then} → {now})"


def _explain_recipes(
    recipes: Sequence[str], old: Mapping[str, Replicates], new: Mapping[str, Replicates]
) -> Iterator[str]:
    for recipe in recipes:
        if recipe not in old or recipe not in new:
            yield f"recipe {recipe}: {_name_side(recipe not in old, recipe not in new)}"


def _name_side(missing_then: bool, missing_now: bool) -> str:
    if missing_then and missing_now:
        return "neither report has it"
    return "only the new report has it" if missing_then else "only the approved report has it"


def _explain_left_out(sides: Sequence[PairedReplicates]) -> Iterator[str]:
    for one in sides:
        if one.left_out is None:
            continue
        (seeds, other), (items, more) = one.left_out.seeds, one.left_out.items
        parts = [
            f"seed {', '.join(map(str, only))} {who}"
            for only, who in ((seeds, "only then"), (other, "only now"))
            if only
        ]
        if items or more:
            parts.append(f"{items:,} items only then, {more:,} only now")
        if any(one.left_out.rows):
            rows = one.left_out.rows
            parts.append(f"in all {rows[0]:,} and {rows[1]:,} answers a seed")
        yield f"recipe {one.recipe}: {'; '.join(parts)}"
