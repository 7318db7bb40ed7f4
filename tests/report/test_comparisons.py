"""Comparisons: p-values that agree with intervals, exact McNemar, Holm, power, equivalence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from alignment_dagster.report.comparisons import (
    compare,
    detectable,
    discordant,
    equivalence_p,
    holm,
    mcnemar,
)
from alignment_dagster.report.statistics import Array, difference

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def answers(number: int, seeds: int, log_odds: float = 0.0, scenarios: int = 60) -> Array:
    generator = np.random.default_rng(number)
    shared = np.random.default_rng(99).standard_normal((1, scenarios, 1))
    effects = log_odds + 0.3 * generator.standard_normal((seeds, 1, 1)) + shared
    return (effects + generator.logistic(size=(seeds, scenarios, 4)) > 0).mean(axis=-1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(-1.5, 1.5))
def test_p_is_below_five_percent_exactly_where_the_interval_excludes_zero(
    number: int, seeds: int, effect: float
) -> None:
    one = compare(answers(number, seeds, effect), answers(number + 1, seeds))
    assert (one.p_value < 0.05) == (not one.ci_low <= 0 <= one.ci_high)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_comparison_turned_round_is_its_opposite(number: int, seeds: int) -> None:
    first, second = answers(number, seeds), answers(number + 1, seeds)
    one, other = compare(first, second, 0.1), compare(second, first, 0.1)
    assert (one.value, one.ci_low) == pytest.approx((-other.value, -other.ci_high))
    assert one.discordant == other.discordant[::-1]
    assert (one.p_value, one.mcnemar_p) == pytest.approx((other.p_value, other.mcnemar_p))
    assert one.equivalent == other.equivalent


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(b: int, c: int) -> None:
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected)


def test_a_scenario_is_hit_where_more_than_half_of_its_answers_are() -> None:
    first = np.array([[1.0, 0.5, 0.0, 1.0], [1.0, 0.5, 0.0, 0.25]])
    second = np.array([[0.0, 0.0, 1.0, 1.0]])
    assert discordant(first, second) == (1, 1)


@given(P_VALUES)
def test_holm_keeps_the_order_and_lies_between_the_p_value_and_bonferroni(
    p_values: list[float],
) -> None:
    corrected = holm(p_values)
    assert all(
        p <= q <= min(1.0, len(p_values) * p) for p, q in zip(p_values, corrected, strict=True)
    )
    ordered = [q for _, q in sorted(zip(p_values, corrected, strict=True))]
    assert ordered == sorted(ordered)


def test_holm_of_a_known_family() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_more_scenarios_detect_a_smaller_difference() -> None:
    few = detectable(answers(1, 3, scenarios=30), answers(2, 3, scenarios=30))
    many = detectable(answers(1, 3, scenarios=3000), answers(2, 3, scenarios=3000))
    assert 0 < detectable(answers(1, 1), answers(2, 1)) < 1
    assert detectable(answers(1, 1, scenarios=3000), answers(2, 1, scenarios=3000)) < 0.1
    assert many < few


def test_the_detectable_difference_is_found_in_four_of_five_studies() -> None:
    generator = np.random.default_rng(3)
    deviation, scenarios = 0.3, 100
    effect = detectable(
        0.5 + deviation * _standardised(generator, scenarios), np.full((1, scenarios), 0.5)
    )
    found = 0
    for _ in range(1000):
        cells = 0.5 + effect + deviation * generator.standard_normal((1, scenarios))
        one = difference(cells, np.full((1, scenarios), 0.5))
        found += not one.ci_low <= 0 <= one.ci_high
    assert found / 1000 == pytest.approx(0.8, abs=0.04)


def _standardised(generator: np.random.Generator, scenarios: int) -> Array:
    values = generator.standard_normal((1, scenarios))
    return (values - values.mean()) / values.std(ddof=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.01, 0.9))
def test_equivalence_is_a_90_percent_interval_within_the_margin(
    number: int, seeds: int, margin: float
) -> None:
    first, second = answers(number, seeds, scenarios=200), answers(number + 1, seeds, scenarios=200)
    narrow = difference(first, second, 0.9)
    inside = -margin < narrow.ci_low and narrow.ci_high < margin
    assert (equivalence_p(first, second, margin) < 0.05) == inside
    assert compare(first, second, margin).equivalent == inside


def test_without_a_margin_nothing_is_said_of_equivalence() -> None:
    assert compare(answers(1, 2), answers(2, 2)).equivalent is None
