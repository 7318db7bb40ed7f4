"""Intervals: exact known cases, and simulated truth that they cover about as often as they say."""

import time

import numpy as np
import pytest

from alignment_dagster.evaluation.quantiles import student_t
from alignment_dagster.evaluation.statistics import bits_per_byte, difference, rate

SIMULATIONS = 200


def simulated(
    generator: np.random.Generator, seeds: int, between: float, mean: float = 0.0
) -> np.ndarray:
    """Shares of four formats in 120 scenarios, from crossed effects on the logit scale."""
    logit = (
        mean
        + between * generator.standard_normal((seeds, 1, 1))
        + generator.standard_normal((1, 120, 1))
        + 0.5 * generator.standard_normal((seeds, 120, 1))
    )
    return (logit + generator.logistic(size=(seeds, 120, 4)) > 0).mean(axis=-1)


def covered(seeds: int, between: float, mean: float) -> float:
    generator = np.random.default_rng(7)
    truth = simulated(generator, 3000, between, mean)
    # The scenarios' own draw is part of the truth's error: average over many of them.
    truths = [simulated(generator, 100, between, mean).mean() for _ in range(60)]
    centre = float(np.mean([truth.mean(), *truths]))
    hits = 0
    for number in range(SIMULATIONS):
        one = rate(simulated(generator, seeds, between, mean), 300, str(number))
        hits += one.ci_low <= centre <= one.ci_high
    return hits / SIMULATIONS


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.7062), (2, 4.3027), (5, 2.5706), (30, 2.0423), (1e9, 1.96)]
)
def test_students_t_is_the_tables(freedom: float, expected: float) -> None:
    assert student_t(0.95, freedom) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("seeds", "between", "mean"), [(1, 0.0, 0.0), (3, 0.0, 0.0), (3, 0.4, 0.0), (3, 0.5, -2.5)]
)
def test_intervals_cover_the_truth(seeds: int, between: float, mean: float) -> None:
    assert 0.90 <= covered(seeds, between, mean) <= 0.99


def test_nothing_seen_still_leaves_a_width() -> None:
    none, every = rate(np.zeros((3, 100)), 200, "k"), rate(np.ones((3, 100)), 200, "k")
    assert (none.value, none.ci_low) == (0.0, 0.0)
    assert none.ci_high == pytest.approx(0.037, abs=0.001)
    assert every.ci_low == pytest.approx(1 - none.ci_high)


def test_one_seed_covers_scenarios_only_and_seeds_widen_it() -> None:
    generator = np.random.default_rng(1)
    row = (generator.random(200) < 0.4).astype(float)
    alone = rate(row[None, :], 2000, "k")
    wilson = 1.96 * np.sqrt(row.mean() * (1 - row.mean()) / 200)
    assert (alone.ci_high - alone.ci_low) / 2 == pytest.approx(wilson, rel=0.06)
    assert alone.seeds == 1
    shifted = np.clip(np.stack([row - 0.2, row, row + 0.2]), 0, 1)
    spread = rate(shifted, 2000, "k")
    assert spread.ci_high - spread.ci_low > 2 * (alone.ci_high - alone.ci_low)


def test_formats_that_move_together_do_not_shrink_the_interval() -> None:
    generator = np.random.default_rng(2)
    row = (generator.random((1, 60)) < 0.5).astype(float)
    assert rate(row, 500, "k") == rate(np.stack([row] * 4).mean(axis=0), 500, "k")


def test_the_same_key_gives_the_same_interval() -> None:
    cells = simulated(np.random.default_rng(3), 3, 0.3)
    assert rate(cells, 200, "a") == rate(cells, 200, "a")
    assert rate(cells, 200, "a") != rate(cells, 200, "b")


def test_bits_per_byte_weighs_documents_by_their_bytes() -> None:
    nll = np.log(2) * np.array([[100.0, 3000.0]])
    assert bits_per_byte(nll, np.array([100.0, 1000.0]), 100, "k").value == pytest.approx(
        3100 / 1100
    )


def test_pairing_by_scenario_takes_the_scenarios_out_of_a_difference() -> None:
    generator = np.random.default_rng(4)
    easy = generator.random(150) * 0.8
    first, second = easy[None, :] + 0.1, easy[None, :]
    paired = difference(first, second, 500, "k")
    assert paired.value == pytest.approx(0.1)
    assert paired.ci_high - paired.ci_low < 1e-6
    with pytest.raises(ValueError, match="same scenarios"):
        difference(first, second[:, :10], 500, "k")


def test_a_recipe_compared_with_itself_rarely_differs() -> None:
    generator = np.random.default_rng(5)
    called = 0
    for number in range(SIMULATIONS):
        scenarios = generator.standard_normal((1, 120, 1))
        sides = []
        for _ in range(2):
            logit = scenarios + 0.3 * generator.standard_normal((3, 1, 1))
            sides.append((logit + generator.logistic(size=(3, 120, 4)) > 0).mean(axis=-1))
        one = difference(sides[0], sides[1], 200, str(number))
        called += not one.ci_low <= 0 <= one.ci_high
    assert called / SIMULATIONS <= 0.08


def test_dozens_of_rows_take_less_than_two_seconds() -> None:
    cells = simulated(np.random.default_rng(6), 3, 0.3)
    started = time.perf_counter()
    for number in range(60):
        rate(cells, 1000, str(number))
    assert time.perf_counter() - started < 2
