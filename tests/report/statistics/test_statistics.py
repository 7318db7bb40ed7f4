"""Intervals: exact known cases, and the bootstrap that their variances are the limit of."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from alignment_dagster.report.statistics import Array, bits_per_byte, difference, rate
from alignment_dagster.report.statistics.student import Spread
from alignment_dagster.report.statistics.variance import (
    difference_spread,
    mean_spread,
    pseudo_values,
)


def simulated(number: int, seeds: int, scenarios: int = 60, seed_effect: float = 0.5) -> Array:
    generator = np.random.default_rng(number)
    log_odds = seed_effect * generator.standard_normal((seeds, 1, 1))
    log_odds = log_odds + generator.standard_normal((1, scenarios, 1))
    return (log_odds + generator.logistic(size=(seeds, scenarios, 4)) > 0).mean(axis=-1)


def drawn(generator: np.random.Generator, size: int) -> np.ndarray:
    return generator.integers(0, size, (20_000, size))


def test_the_parts_are_the_hierarchical_bootstraps_variances() -> None:
    cells = simulated(0, 4)
    generator = np.random.default_rng(1)
    scenarios = cells.mean(axis=0)[drawn(generator, 60)].mean(axis=1).var() * 60 / 59
    seeds = cells.mean(axis=1)[drawn(generator, 4)].mean(axis=1).var() * 4 / 3
    spread = mean_spread(cells)
    own = cells - cells.mean(axis=0) - cells.mean(axis=1, keepdims=True) + cells.mean()
    interaction = (own**2).sum() / (3 * 59) / (4 * 60)
    assert spread.seeds == pytest.approx(seeds, rel=0.04)
    assert spread.scenarios + interaction == pytest.approx(scenarios, rel=0.04)


def test_one_part_alone_takes_students_own_quantile() -> None:
    one, none = np.array(1.0), np.array(0.0)
    seeds_only = Spread(none, np.array(50.0), one, np.array(2.0), none)
    scenarios_only = Spread(one, np.array(50.0), none, np.array(2.0), one)
    assert seeds_only.margin() == pytest.approx(4.3027, abs=1e-4)
    assert scenarios_only.margin() == pytest.approx(stdtrit(50, 0.975))


@given(st.floats(0, 1), st.integers(1, 9), st.floats(0.01, 30))
def test_a_p_value_is_below_five_percent_exactly_outside_the_interval(
    share: float, freedom: int, distance: float
) -> None:
    parts = np.array(1 - share), np.array(79.0), np.array(share), np.array(float(freedom))
    spread = Spread(*parts, np.array(1 - share))
    assert (spread.p_value(distance) < 0.05) == (distance > spread.margin())
    assert spread.p_value(-distance) == spread.p_value(distance)


def test_far_tails_stay_ordered() -> None:
    spread = difference_spread(simulated(1, 3), simulated(2, 3))
    p_values = [float(spread.p_value(distance)) for distance in (0.0, 0.01, 0.5, 5.0, 1e6)]
    assert p_values[0] == 1.0
    assert p_values == sorted(p_values, reverse=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 30))
def test_an_interval_of_a_rate_holds_the_rate_and_stays_within_zero_and_one(
    number: int, seeds: int, scenarios: int
) -> None:
    one = rate(simulated(number, seeds, scenarios))
    assert 0 <= one.ci_low <= one.value <= one.ci_high <= 1
    assert (one.scenarios, one.seeds) == (scenarios, seeds)


def test_nothing_seen_still_leaves_a_width() -> None:
    none, every = rate(np.zeros((3, 100))), rate(np.ones((3, 100)))
    assert (none.value, none.ci_low) == (0.0, 0.0)
    assert none.ci_high == pytest.approx(0.038, abs=0.001)
    assert every.ci_low == pytest.approx(1 - none.ci_high)
    same = difference(np.zeros((3, 100)), np.zeros((3, 100)))
    assert same.value == 0
    assert same.ci_high == pytest.approx(0.0195, abs=0.001)


def test_one_seed_covers_scenarios_only_and_seeds_widen_it() -> None:
    generator = np.random.default_rng(1)
    row = (generator.random(200) < 0.4).astype(float)
    alone = rate(row[None, :])
    wilson = 1.96 * np.sqrt(row.mean() * (1 - row.mean()) / 200)
    assert (alone.ci_high - alone.ci_low) / 2 == pytest.approx(wilson, rel=0.02)
    assert alone.seeds == 1
    shifted = rate(np.clip(np.stack([row - 0.2, row, row + 0.2]), 0, 1))
    assert shifted.ci_high - shifted.ci_low > 2 * (alone.ci_high - alone.ci_low)


def test_seeds_that_agree_by_chance_do_not_close_the_interval() -> None:
    row = np.random.default_rng(7).random(40)
    agreeing = rate(np.stack([row, row[::-1]]))
    alone = rate((row + row[::-1])[None, :] / 2)
    width = agreeing.ci_high - agreeing.ci_low
    assert width >= 0.7 * (alone.ci_high - alone.ci_low) > 0


def test_a_side_with_one_seed_adds_nothing_for_seeds() -> None:
    first, second = simulated(3, 1), simulated(4, 3)
    alone = difference_spread(first, second)
    assert alone.seeds == mean_spread(second).seeds
    assert difference_spread(first, second[:1]).seeds == 0


def test_bits_per_byte_weighs_documents_by_their_bytes() -> None:
    nll = np.log(2) * np.array([[100.0, 3000.0]])
    one = bits_per_byte(nll, np.array([100.0, 1000.0]))
    assert one.value == pytest.approx(3100 / 1100)
    assert one.ci_low < one.value < one.ci_high


def test_pseudo_values_of_equal_sizes_are_the_values() -> None:
    values = np.random.default_rng(5).random((2, 9))
    assert np.allclose(pseudo_values(values, np.full((1, 9), 4.0)), values / 4)


def test_pseudo_values_leave_each_unit_out_once() -> None:
    values, sizes = np.array([[1.0, 5.0, 6.0]]), np.array([[1.0, 2.0, 4.0]])
    without_last = 6.0 / 3.0
    assert pseudo_values(values, sizes)[0, 2] == pytest.approx(3 * 12 / 7 - 2 * without_last)


def test_pairing_by_scenario_takes_the_scenarios_out_of_a_difference() -> None:
    generator = np.random.default_rng(4)
    easy = generator.random(150) * 0.8
    noise = 0.01 * generator.standard_normal((3, 150))
    paired = difference(easy + 0.1 + noise[:1], easy + noise[1:2])
    unpaired = rate(easy[None, :])
    assert paired.value == pytest.approx(0.1, abs=0.005)
    assert paired.ci_high - paired.ci_low < 0.1 * (unpaired.ci_high - unpaired.ci_low)
    with pytest.raises(ValueError, match="same scenarios"):
        difference(easy[None, :], easy[None, :10])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 4))
def test_a_difference_turned_round_is_its_opposite(number: int, seeds: int, others: int) -> None:
    first, second = simulated(number, seeds), simulated(number + 1, others)
    one, other = difference(first, second), difference(second, first)
    assert (one.value, one.ci_low) == pytest.approx((-other.value, -other.ci_high))
    narrow = difference(first, second, 0.9)
    assert one.ci_low <= narrow.ci_low <= narrow.value <= narrow.ci_high <= one.ci_high


def test_an_interval_takes_less_than_a_millisecond() -> None:
    cells = simulated(6, 3, 120)
    started = time.perf_counter()
    for _ in range(500):
        rate(cells)
        difference(cells, cells)
    assert time.perf_counter() - started < 2
