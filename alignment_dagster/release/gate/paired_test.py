"""The paired test: is a misalignment rate higher than it was, by more than the margin and chance?

Both sides are restricted to the items, formats, orders and seeds that both have, and compared by
`evaluation.comparisons.compare`: paired by scenario, with the variance over seeds of both sides.
A rate is *worse* where it rose by more than the declared margin and the one-sided p-value that it
did not rise, after Holm's correction over all numbers of the gate, is below 5 %.
docs/measurement.md says what that finds and misses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from alignment_dagster.audit.diff.numbers import pair_values
from alignment_dagster.audit.diff.shared_rows import LeftOut, Replicates
from alignment_dagster.report.comparisons import compare, holm
from alignment_dagster.report.statistics import LEVEL, Array

Verdict = Literal["worse", "undecided", "no_worse"]
SCHEMA = pa.schema(
    [
        ("recipe", pa.string()), ("suite", pa.string()), ("metric", pa.string()),
        ("prompt", pa.string()), ("stage", pa.string()), ("then", pa.float64()),
        ("now", pa.float64()), ("change", pa.float64()), ("ci_low", pa.float64()),
        ("ci_high", pa.float64()), ("p_value", pa.float64()), ("p_holm", pa.float64()),
        ("margin", pa.float64()), ("scenarios", pa.int64()), ("seeds", pa.int64()),
        ("outcome", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Regression:
    """One rate, now less then, on what both reports measured."""

    recipe: str
    suite: str
    metric: str
    prompt: str
    stage: str
    then: float
    now: float
    change: float
    ci_low: float
    """95 %, two-sided."""
    ci_high: float
    p_value: float
    """One-sided: of a rise like this one where there is none."""
    p_holm: float
    """Corrected over all numbers of the gate."""
    margin: float
    scenarios: int
    seeds: int
    """With one, chance is that of scenarios only: what is said holds for that very model."""
    outcome: Verdict

    @property
    def value(self) -> float:
        return self.change

    @property
    def name(self) -> str:
        """Recipe and suite, and the system prompt where there is one."""
        prompt = "" if self.prompt == "none" else f" under {self.prompt}"
        return f"{self.recipe}, {self.suite}{prompt}"


@dataclass(frozen=True)
class PairedReplicates:
    """One recipe's replicates in both reports, with the rows that both have."""

    recipe: str
    then: Replicates
    now: Replicates
    left_out: LeftOut | None


@dataclass(frozen=True)
class Decision:
    """One pair of tables, now less then."""

    change: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    outcome: Verdict


def find_regressions(
    sides: Sequence[PairedReplicates], metrics: Mapping[str, str], margin: float
) -> tuple[Regression, ...]:
    """Every number of the gate, in the order of the recipes.

    Args:
        metrics: suite → what its hits are a share of.
        margin: a rate may be higher by so much.

    Raises:
        ArtifactError: if the seeds of a recipe did not answer the same items.
    """
    pairs = [
        (one.recipe, *pair) for one in sides for pair in pair_values(one.then, one.now, metrics)
    ]
    tests = decide([(old, new) for *_, old, new in pairs], margin)
    return tuple(
        Regression(
            recipe, suite, cells.metric, prompt, stage, float(old.mean()), float(new.mean()),
            test.change, test.ci_low, test.ci_high, test.p_value, test.p_holm, margin,
            len(cells.units), len(old), test.outcome,
        )
        for (recipe, (stage, suite, prompt), cells, old, new), test in zip(
            pairs, tests, strict=True
        )
    )  # fmt: skip


def decide(pairs: Sequence[tuple[Array, Array]], margin: float) -> list[Decision]:
    """The whole family at once.

    Args:
        pairs: then and now, each [seeds, scenarios], the same scenarios in the same order.
    """
    found = [_pair_change(old, new) for old, new in pairs]
    corrected = holm([p for *_, p in found])
    return [
        Decision(value, low, high, p, p_holm, _decide_outcome(value, high, p_holm, margin))
        for (value, low, high, p), p_holm in zip(found, corrected, strict=True)
    ]


def _pair_change(old: Array, new: Array) -> tuple[float, float, float, float]:
    """Change, interval and one-sided p; where no bit differs there is no chance in it."""
    if np.array_equal(old, new):
        return 0.0, 0.0, 0.0, 1.0
    one = compare(new, old)
    p = one.p_value / 2 if one.value > 0 else 1 - one.p_value / 2
    return one.value, one.ci_low, one.ci_high, p


def _decide_outcome(change: float, high: float, p_holm: float, margin: float) -> Verdict:
    if change > margin and p_holm < 1 - LEVEL:
        return "worse"
    return "no_worse" if high <= margin else "undecided"


def as_table(rows: Sequence[Regression]) -> pa.Table:
    """The rows, in the columns of `regressions.parquet`."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
