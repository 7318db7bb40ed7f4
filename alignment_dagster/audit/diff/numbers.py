"""The paired change of every number: the same items and seeds on both sides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from alignment_dagster.audit.diff.shared_rows import LeftOut, Replicates, restrict_to_shared
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.lineage import file_names
from alignment_dagster.report.cells import (
    BITS_PER_BYTE,
    Cells,
    Replicate,
    Slice,
    attack_cells,
    by_recipe,
    item_cells,
    loss_cells,
    on_shared_seeds,
)
from alignment_dagster.report.comparisons import compare, holm
from alignment_dagster.report.gather.replicates import read_replicates
from alignment_dagster.report.results import read_results
from alignment_dagster.report.statistics import Array, bits_per_byte
from alignment_dagster.report.statistics.intervals import LN2
from alignment_dagster.report.statistics.variance import difference_spread, pseudo_values
from alignment_dagster.study import ATTACK_SUCCESS


@dataclass(frozen=True)
class PairedChange:
    """A number after less before, on what both sides measured."""

    metric: str
    suite: str
    stage: str
    recipe: str
    """Empty where two recipes are compared."""
    prompt: str
    before: float
    after: float
    change: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    """Holm's correction over all numbers that changed."""
    n: int
    """Scenarios (documents for losses)."""
    seeds: int

    @property
    def name(self) -> str:
        """As `trace` takes it."""
        return _name(self.metric, self.suite, self.stage, self.recipe, self.prompt)


@dataclass(frozen=True)
class NumberChanges:
    """The numbers that changed, and how many did not."""

    changes: tuple[PairedChange, ...]
    """The largest first."""
    same: tuple[str, ...]
    """Names of numbers of which every scenario's cell is the same to the bit."""
    left_out: tuple[LeftOut, ...]
    recipes: tuple[tuple[str, ...], tuple[str, ...]]
    """Recipes that only one side has."""
    redefined: tuple[str, ...]
    """Suites that count something else on the other side."""

    @property
    def compared(self) -> int:
        return len(self.changes) + len(self.same)


def compare_numbers(before: Side, after: Side) -> NumberChanges:
    """Every number that both sides have, pooled over the seeds that both have.

    Raises:
        ArtifactError: if the seeds of a recipe did not answer the same items.
    """
    old, new = (_gather_replicates(side) for side in (before, after))
    meanings = [read_metric_names(side) for side in (before, after)]
    shared = {suite: what for suite, what in meanings[0].items() if meanings[1].get(suite) == what}
    redefined = [suite for suite in meanings[0] if suite in meanings[1] and suite not in shared]
    changes: list[PairedChange] = []
    left_out: list[LeftOut] = []
    same: list[str] = []
    for recipe in (recipe for recipe in old if recipe in new):
        sides = (tuple(old[recipe]), tuple(new[recipe]))
        first, second, left = restrict_to_shared(recipe, *sides)
        left_out += [left] if left is not None else []
        for name, change in compare_replicates(recipe, first, second, shared):
            if change is None:
                same.append(name)
            else:
                changes.append(change)
    corrected = holm([one.p_value for one in changes])
    changes = [replace(one, p_holm=p) for one, p in zip(changes, corrected, strict=True)]
    return NumberChanges(
        tuple(sorted(changes, key=lambda one: -abs(one.change))),
        tuple(same),
        tuple(left_out),
        (tuple(one for one in old if one not in new), tuple(one for one in new if one not in old)),
        tuple(redefined),
    )


def read_metric_names(side: Side) -> Mapping[str, str]:
    """Suite → what its hits are a share of, as the report has it."""
    rows = read_results(side.report.path / file_names.RESULTS)
    others = (BITS_PER_BYTE, ATTACK_SUCCESS)
    return {row.suite: row.metric for row in rows if row.metric not in others}


def compare_replicates(
    recipe: str, before: Replicates, after: Replicates, metrics: Mapping[str, str]
) -> Iterator[tuple[str, PairedChange | None]]:
    """Each number that both sides have, by name; None where it is the same to the bit.

    Args:
        recipe: what the changes are called by.
        before: replicates of which `restrict_to_shared` left the shared rows.
        after: likewise.
        metrics: suite → what its hits are a share of.
    """
    for at, cells, old, new in pair_values(before, after, metrics):
        name = _name(cells.metric, at[1], at[0], recipe, at[2])
        same = np.array_equal(old, new)
        yield name, None if same else _build_change(recipe, at, cells, old, new)


def pair_values(
    before: Replicates, after: Replicates, metrics: Mapping[str, str]
) -> Iterator[tuple[Slice, Cells, Array, Array]]:
    """Each number that both sides have: its cells after, and both sides' values [seeds, units]."""
    for old, new in zip(_build_cells(before, metrics), _build_cells(after, metrics), strict=True):
        for at in (at for at in old if at in new):
            pair = (old[at], new[at])
            values = on_shared_seeds(pair) if pair[0].units == pair[1].units else []
            if values:
                yield at, pair[1], values[0], values[1]


def compare_bits(before: Array, after: Array, sizes: Array) -> tuple[float, float, float, float]:
    """Change of bits per byte with its interval and p-value, paired by document.

    As `statistics.bits_per_byte` has one side's: the documents' pseudo-values, at the degrees of
    freedom of Kish's effective number of documents.

    Args:
        before: [seeds, documents], nats.
        after: [seeds, documents], nats.
        sizes: [documents], bytes.
    """
    values = [pseudo_values(side, sizes[None, :]) / LN2 for side in (after, before)]
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    spread = difference_spread(*values)
    spread = replace(spread, scenario_freedom=np.array(max(1.0, effective - 1)))
    value = bits_per_byte(after, sizes).value - bits_per_byte(before, sizes).value
    half = float(spread.margin())
    return value, value - half, value + half, float(spread.p_value(value))


def _name(*words: str) -> str:
    return "/".join(word for word in words if word)


def _gather_replicates(side: Side) -> dict[str, list[Replicate]]:
    """The replicates; where recipes are compared, without the name."""
    found = by_recipe(read_replicates(side))
    return found if side.recipe is None else {"": found.get(side.recipe, [])}


def _build_cells(side: Replicates, shared: Mapping[str, str]) -> tuple[Mapping[Slice, Cells], ...]:
    """Answers, losses and attacks apart: the attack `none` is not the system prompt `none`."""
    attacks = {at: cells for at, cells in attack_cells(side).items() if at[1] in shared}
    return item_cells(side, shared), loss_cells(side), attacks


def _build_change(recipe: str, at: Slice, cells: Cells, old: Array, new: Array) -> PairedChange:
    stage, suite, prompt = at
    if cells.sizes is None:
        one = compare(new, old)
        numbers = (one.value, one.ci_low, one.ci_high, one.p_value)
        means = (float(old.mean()), float(new.mean()))
    else:
        numbers = compare_bits(old, new, cells.sizes)
        sizes = cells.sizes
        means = (bits_per_byte(old, sizes).value, bits_per_byte(new, sizes).value)
    value, low, high, p = numbers
    return PairedChange(
        cells.metric, suite, stage, recipe, prompt, *means, value, low, high, p, p,
        n=len(cells.units), seeds=len(old),
    )  # fmt: skip
