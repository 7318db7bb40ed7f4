"""The tables that every number is computed from: a value for each seed and scenario.

A scenario's cell is the mean over its formats, each of which is the mean over its orders and
items, so that all formats of a scenario move together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report import statistics
from alignment_dagster.report.statistics import Array, Estimate
from alignment_dagster.study import ATTACK_SUCCESS, HELD_OUT, WORST_CASE

BITS_PER_BYTE = "bits_per_byte"
NO_PROMPT = "none"

Slice = tuple[str, str, str]
"""Stage, suite, prompt; for attacks the attack stands in the place of the prompt."""
Values = Mapping[str, float]
"""Scenario (or document) → its value."""


@dataclass(frozen=True)
class Replicate:
    """What was measured of one replicate: its tables, and the artifacts behind them."""

    recipe: str
    seed: int
    items: pa.Table
    losses: pa.Table
    artifacts: Mapping[str, Mapping[str, str]]
    """`evaluation`, `tampering` or `attacks` → `asset[partition]` → version."""
    attacks: pa.Table | None = None


@dataclass(frozen=True)
class Cells:
    """What a metric is computed from, for one recipe."""

    metric: str
    values: Array
    """[seeds, scenarios]."""
    units: tuple[str, ...]
    """The scenarios, or documents."""
    seeds: tuple[int, ...]
    sizes: Array | None = field(default=None)
    """Bytes of the documents, for losses."""

    def estimate(self) -> Estimate:
        """The mean with its interval."""
        if self.sizes is None:
            return statistics.rate(self.values)
        return statistics.bits_per_byte(self.values, self.sizes)

    def of(self, *seeds: int) -> "Cells":
        """Some of the seeds alone."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return Cells(self.metric, self.values[rows], self.units, seeds, self.sizes)


def on_shared_seeds(cells: Sequence[Cells]) -> list[Array]:
    """The values [seeds, scenarios] of tables, of the seeds that all of them have."""
    shared = sorted(set.intersection(*(set(one.seeds) for one in cells)))
    return [one.of(*shared).values for one in cells] if shared else []


def by_recipe(replicates: Sequence[Replicate]) -> dict[str, list[Replicate]]:
    """Recipe → its replicates by seed, recipes in the order given."""
    recipes: dict[str, list[Replicate]] = {one.recipe: [] for one in replicates}
    for one in replicates:
        recipes[one.recipe].append(one)
    return {recipe: sorted(seeds, key=lambda one: one.seed) for recipe, seeds in recipes.items()}


def all_cells(seeds: Sequence[Replicate], metrics: Mapping[str, str]) -> dict[Slice, Cells]:
    """Every slice of one recipe: answers, then held-out losses; attacks are apart.

    Args:
        seeds: the recipe's replicates.
        metrics: suite → what its hits are a share of.
    """
    return {**item_cells(seeds, metrics), **loss_cells(seeds)}


def item_cells(
    seeds: Sequence[Replicate],
    metrics: Mapping[str, str],
    only: pc.Expression | None = None,
) -> dict[Slice, Cells]:
    """The answers to suites.

    Raises:
        ArtifactError: if the seeds of a recipe did not answer the same items.
    """
    tables = [one.items if only is None else one.items.filter(only) for one in seeds]
    keys = ["stage", "suite", "system_prompt", "scenario_id"]
    parts = [
        _group_by_slice(_means(_means(_numeric_hits(table), [*keys, "format"]), keys))
        for table in tables
    ]
    return _cells(seeds, parts, lambda at: metrics.get(at[1]))


def attack_cells(seeds: Sequence[Replicate]) -> dict[Slice, Cells]:
    """Attacks that succeeded, one slice each, and the worst case: any of them."""
    parts = [{} if one.attacks is None else _attack_rates(one.attacks) for one in seeds]
    return _cells(seeds, parts, lambda _: ATTACK_SUCCESS)


def loss_cells(seeds: Sequence[Replicate]) -> dict[Slice, Cells]:
    """Held-out losses in nats, of all sources together and of each."""
    parts = [_document_losses(one.losses) for one in seeds]
    losses = [{at: {d: row[0] for d, row in part[at].items()} for at in part} for part in parts]
    sizes = {at: {d: row[1] for d, row in part[at].items()} for part in parts for at in part}
    found = _cells(seeds, losses, lambda _: BITS_PER_BYTE)
    return {
        at: Cells(
            cells.metric,
            cells.values,
            cells.units,
            cells.seeds,
            np.array([sizes[at][unit] for unit in cells.units], dtype=np.float64),
        )
        for at, cells in found.items()
    }


def _cells(
    seeds: Sequence[Replicate],
    parts: Sequence[Mapping[Slice, Values]],
    metric: Callable[[Slice], str | None],
) -> dict[Slice, Cells]:
    """Of every slice the seeds that have it; seeds without (not yet measured) are left out."""
    cells = {}
    for at in dict.fromkeys(at for part in parts for at in part):
        name = metric(at)
        if name is not None:
            having = [(one, part[at]) for one, part in zip(seeds, parts, strict=True) if at in part]
            units = tuple(sorted(having[0][1]))
            values = _matrix(at, units, having)
            cells[at] = Cells(name, values, units, tuple(one.seed for one, _ in having))
    return cells


def _matrix(at: Slice, units: Sequence[str], having: Sequence[tuple[Replicate, Values]]) -> Array:
    for one, part in having:
        if tuple(sorted(part)) != units:
            raise ArtifactError(
                f"evaluation of {one.recipe}, seed {one.seed}: stage {at[0]}, suite {at[1]}: "
                f"not the same items as seed {having[0][0].seed}; evaluate again"
            )
    return np.array([[part[unit] for unit in units] for _, part in having], dtype=np.float64)


def _attack_rates(attacks: pa.Table) -> dict[Slice, dict[str, float]]:
    """A worst case is taken item by item, before items of a scenario are averaged."""
    table = _numeric_hits(attacks)
    item = ["stage", "suite", "scenario_id", "item_id"]
    worst = table.group_by(item, use_threads=False).aggregate([("hit", "max")])
    worst = worst.rename_columns([*item, "hit"])
    worst = worst.append_column("attack", pa.array([WORST_CASE] * worst.num_rows, pa.string()))
    columns = ["stage", "suite", "attack", "scenario_id", "hit"]
    both = pa.concat_tables([table.select(columns), worst.select(columns)])
    return _group_by_slice(_means(both, columns[:-1]))


def _numeric_hits(table: pa.Table) -> pa.Table:
    hits = table["hit"].cast(pa.float64())
    return table.set_column(table.schema.get_field_index("hit"), "hit", hits)


def _means(table: pa.Table, keys: list[str]) -> pa.Table:
    means = table.group_by(keys, use_threads=False).aggregate([("hit", "mean")])
    return means.rename_columns([*keys, "hit"])


def _group_by_slice(means: pa.Table) -> dict[Slice, dict[str, float]]:
    slices: dict[Slice, dict[str, float]] = {}
    columns = [column.to_pylist() for column in means.columns]
    for *at, unit, value in zip(*columns, strict=True):
        slices.setdefault((at[0], at[1], at[2]), {})[unit] = value
    return slices


def _document_losses(losses: pa.Table) -> dict[Slice, dict[str, tuple[float, int]]]:
    slices: dict[Slice, dict[str, tuple[float, int]]] = {}
    for row in losses.to_pylist():
        if row["bytes"] > 0:
            for suite in (HELD_OUT, f"{HELD_OUT}/{row['source']}"):
                at = (row["stage"], suite, NO_PROMPT)
                slices.setdefault(at, {})[row["document_id"]] = (row["nll"], row["bytes"])
    return slices
