"""Durability: known curves, honest ratios, and cases where there is nothing to summarise."""

import numpy as np
import pytest

from alignment_dagster.report.durability import NO_BENEFIT, ONE_POINT, erosion, persistence
from alignment_dagster.report.statistics import Array, difference

SCENARIOS = 80
STEPS, TOKENS = (0, 1, 2, 4, 8), (0, 100, 200, 400, 800)


def cells(number: int, rate: float, seeds: int = 3) -> Array:
    """Scenarios that differ, and seeds that hardly do; the mean is `rate`."""
    generator = np.random.default_rng(number)
    values = rate + 0.05 * generator.standard_normal((seeds, SCENARIOS))
    return values - values.mean(axis=1, keepdims=True) + rate


def curves(benefit: tuple[float, ...], seeds: int = 3) -> tuple[Array, Array]:
    baseline = np.stack([cells(2 * k, 0.5, seeds) for k in range(len(benefit))])
    recipe = [cells(2 * k + 1, 0.5 - one, seeds) for k, one in enumerate(benefit)]
    return baseline, np.stack(recipe)


def test_a_ratio_is_after_over_before_with_an_interval_around_it() -> None:
    one = persistence(cells(0, 0.5), cells(1, 0.1), cells(2, 0.4), cells(3, 0.2))
    assert one.ratio is not None
    assert one.ratio.value == pytest.approx(0.5)
    assert one.ratio.ci_low < 0.5 < one.ratio.ci_high
    assert (one.note, one.ratio.seeds, one.ratio.scenarios) == ("", 3, SCENARIOS)


def test_fiellers_interval_is_that_of_one_sample_in_closed_form() -> None:
    generator = np.random.default_rng(0)
    before, after = 0.3 + 0.2 * generator.random((2, 1, SCENARIOS))
    zero = np.zeros((1, SCENARIOS))
    one = persistence(before, zero, after, zero)
    a, b = after.mean(), before.mean()
    (vb, vab), (_, va) = np.cov(before[0], after[0]) / SCENARIOS
    t2 = 1.990450**2
    roots = np.roots([b**2 - t2 * vb, -2 * (a * b - t2 * vab), a**2 - t2 * va])
    assert one.ratio is not None
    assert (one.ratio.ci_low, one.ratio.ci_high) == pytest.approx(sorted(roots), abs=1e-5)


def test_fiellers_interval_covers_the_true_ratio() -> None:
    generator, held, found = np.random.default_rng(1), 0, 0
    for _ in range(150):
        easy = 0.2 * generator.standard_normal((1, SCENARIOS))
        seed = 0.03 * generator.standard_normal((4, 3, 1))
        noise = 0.2 * generator.standard_normal((4, 3, SCENARIOS))
        rates = np.array([0.5, 0.2, 0.45, 0.3])[:, None, None]
        one = persistence(*(rates + easy + seed + noise))
        if one.ratio is not None:
            found += 1
            held += one.ratio.ci_low <= 0.5 <= one.ratio.ci_high
    assert found > 140
    assert 0.9 <= held / found <= 0.995


def test_an_uncertain_benefit_has_no_ratio_and_says_why() -> None:
    one = persistence(cells(0, 0.5), cells(1, 0.495), cells(2, 0.4), cells(3, 0.2))
    assert one.ratio is None
    assert one.note == NO_BENEFIT
    assert one.after.value == pytest.approx(0.2)


def test_a_benefit_that_turned_has_a_ratio_below_zero() -> None:
    one = persistence(cells(0, 0.5), cells(1, 0.1), cells(2, 0.3), cells(3, 0.4))
    assert one.ratio is not None
    assert one.ratio.ci_high < 0


def test_seeds_that_changed_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        persistence(cells(0, 0.5), cells(1, 0.1), cells(2, 0.4, seeds=2), cells(3, 0.2))


def test_half_of_the_benefit_is_gone_between_two_points() -> None:
    one = erosion(*curves((0.4, 0.4, 0.3, 0.1, 0.0)), STEPS, TOKENS)
    # From .3 at 2 steps to .1 at 4: half-way in log(step + 1).
    expected = np.sqrt(3 * 5) - 1
    assert one.half_life_steps == pytest.approx(expected)
    assert one.half_life_tokens == pytest.approx(100 * expected)
    assert one.half_life_note == ""
    assert [point.value for point in one.benefit] == pytest.approx([0.4, 0.4, 0.3, 0.1, 0.0])


def test_a_benefit_that_lasts_is_not_halved_within_the_budget() -> None:
    one = erosion(*curves((0.4, 0.4, 0.35, 0.3, 0.3)), STEPS, TOKENS)
    assert one.half_life_steps is None
    assert one.half_life_tokens is None
    assert one.half_life_note == "not halved within the budget of 8 steps"


@pytest.mark.parametrize("before", [0.0, -0.2])
def test_no_benefit_has_no_half_life_and_no_ratio(before: float) -> None:
    one = erosion(*curves((before, 0.0, 0.0)), STEPS[:3], TOKENS[:3])
    assert one.half_life_steps is None
    assert one.half_life_note == NO_BENEFIT
    assert one.persistence.ratio is None


def test_one_seed_and_one_point_are_summarised_as_far_as_they_go() -> None:
    one = erosion(*curves((0.4,), seeds=1), (0,), (0,))
    assert one.half_life_note == ONE_POINT
    assert one.area == one.benefit[0]
    assert one.area.seeds == 1


def test_the_area_is_the_mean_benefit_over_log_steps() -> None:
    benefit = (0.4, 0.3, 0.2, 0.2, 0.0)
    one = erosion(*curves(benefit), STEPS, TOKENS)
    at = np.log2(np.array(STEPS) + 1)
    assert one.area.value == pytest.approx(np.trapezoid(benefit, at) / at[-1])
    assert one.area.ci_low < one.area.value < one.area.ci_high


def test_curves_and_points_must_match() -> None:
    with pytest.raises(ValueError, match="same points"):
        erosion(*curves((0.4, 0.3)), STEPS, TOKENS)


def test_the_benefit_is_the_baseline_less_the_recipe() -> None:
    baseline, recipe = curves((0.4, 0.3))
    one = erosion(baseline, recipe, STEPS[:2], TOKENS[:2])
    assert one.benefit[0] == difference(baseline[0], recipe[0])
