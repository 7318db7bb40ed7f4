"""A paired change is computed on exactly what both sides measured, as by hand."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import t as student

from alignment_dagster.audit.diff.numbers import (
    PairedChange,
    compare_bits,
    compare_replicates,
)
from alignment_dagster.audit.diff.shared_rows import LeftOut, restrict_to_shared
from alignment_dagster.report.cells import Replicate

METRICS = {"articles": "misalignment_rate"}
LOSSES = pa.schema(
    [("stage", pa.string()), ("source", pa.string()), ("document_id", pa.string()),
     ("nll", pa.float64()), ("bytes", pa.int64())]
)  # fmt: skip


def replicate(
    seed: int,
    hits: dict[str, list[bool]],
    losses: dict[str, tuple[float, int]] | None = None,
    formats: Iterable[str] = ("plain", "question"),
) -> Replicate:
    """Scenario → its hit in each format; document → nats and bytes."""
    rows = [
        {"suite": "articles", "item_id": f"item-{scenario}", "scenario_id": scenario,
         "stage": "base", "system_prompt": "none", "format": form, "option_order": 0, "hit": hit}
        for scenario, found in hits.items()
        for form, hit in zip(formats, found, strict=True)
    ]  # fmt: skip
    measured = [
        {"stage": "base", "source": "s", "document_id": document, "nll": nll, "bytes": size}
        for document, (nll, size) in (losses or {}).items()
    ]
    items = pa.Table.from_pylist(rows)
    return Replicate("a", seed, items, pa.Table.from_pylist(measured, schema=LOSSES), {})


def changes(
    before: tuple[Replicate, ...], after: tuple[Replicate, ...]
) -> tuple[list[PairedChange | None], LeftOut | None]:
    first, second, left = restrict_to_shared("a", before, after)
    return [one for _, one in compare_replicates("a", first, second, METRICS)], left


def test_a_change_of_one_seed_has_students_interval_of_the_scenarios_differences() -> None:
    old = {"p": [True, True], "q": [True, False], "r": [False, False], "s": [True, True]}
    new = {"p": [True, False], "q": [False, False], "r": [False, True], "s": [False, False]}
    ((change,), left) = changes((replicate(0, old),), (replicate(0, new),))
    assert change is not None
    apart = np.array([np.mean(new[name]) - np.mean(old[name]) for name in old])
    half = student.ppf(0.975, 3) * np.sqrt(apart.var(ddof=1) / 4)
    assert np.isclose(change.change, apart.mean())
    assert np.isclose(change.ci_low, max(-1, apart.mean() - half))
    assert np.isclose(change.ci_high, min(1, apart.mean() + half))
    assert (change.n, change.seeds, left) == (4, 1, None)


def test_only_items_formats_and_seeds_of_both_sides_count() -> None:
    old = {"p": [True, True], "q": [True, True], "gone": [True, True]}
    new = {"p": [False], "q": [True], "came": [False], "late": [False]}
    before = (replicate(0, old), replicate(1, old))
    after = (replicate(1, new, formats=("plain",)), replicate(2, new, formats=("plain",)))
    ((change,), left) = changes(before, after)
    assert change is not None
    assert (change.before, change.after, change.n, change.seeds) == (1.0, 0.5, 2, 1)
    assert left == LeftOut("a", ((0,), (2,)), items=(1, 2), rows=(4, 2))


def test_what_is_the_same_to_the_bit_is_no_change() -> None:
    hits = {"p": [True, False], "q": [True, True]}
    losses = {"d": (10.0, 8), "e": (3.0, 4)}
    found, left = changes((replicate(0, hits, losses),), (replicate(0, hits, losses),))
    assert found == [None, None, None]  # the suite, held out in all, and of the one source
    assert left is None


def test_rows_in_another_order_are_the_same_to_the_bit() -> None:
    generator = np.random.default_rng(0)
    names = [f"s{number}" for number in range(40)]
    hits = {name: [bool(one) for one in generator.integers(0, 2, 2)] for name in names}
    other = {name: hits[name] for name in sorted(names, reverse=True)}
    extra = {**other, "more": [True, True]}
    found, _ = changes((replicate(0, hits),), (replicate(0, extra),))
    assert found == [None]


def test_no_shared_seed_compares_nothing() -> None:
    hits = {"p": [True, False]}
    found, left = changes((replicate(0, hits),), (replicate(1, hits),))
    assert found == []
    assert left is not None
    assert left.seeds == ((0,), (1,))


def test_the_change_of_bits_per_byte_is_that_of_the_ratios() -> None:
    generator = np.random.default_rng(1)
    sizes = generator.integers(50, 400, 30).astype(np.float64)
    before = sizes * generator.uniform(0.6, 1.0, (1, 30))
    after = before - sizes * generator.uniform(0.0, 0.1, (1, 30))
    value, low, high, p = compare_bits(before, after, sizes)
    ratio = (after.sum() - before.sum()) / (np.log(2) * sizes.sum())
    assert np.isclose(value, ratio)
    left_out = [
        (np.delete(after - before, one, axis=1).sum()) / (np.log(2) * np.delete(sizes, one).sum())
        for one in range(30)
    ]
    pseudo = 30 * ratio - 29 * np.array(left_out)
    freedom = sizes.sum() ** 2 / (sizes**2).sum() - 1
    half = student.ppf(0.975, freedom) * np.sqrt(pseudo.var(ddof=1) / 30)
    assert np.allclose((low, high), (value - half, value + half))
    assert p < 0.05


@pytest.mark.parametrize("size", [1, 2])
def test_few_documents_still_have_an_interval(size: int) -> None:
    sizes = np.full(size, 10.0)
    value, low, high, p = compare_bits(np.ones((2, size)), np.full((2, size), 2.0), sizes)
    assert low < value < high
    assert 0 <= p <= 1
