"""Intervals cover what they say, and a recipe compared with itself is seldom called different."""

import numpy as np
import pytest
from scipy.special import chdtri, ndtr, ndtri

from alignment_dagster.report.statistics.student import Spread
from bench import calibration as bench

SIMULATIONS = 1000
ERRORS = 3.0 * np.sqrt(0.95 * 0.05 / SIMULATIONS)
MANY = (1, 3, 5, 10)


def integrated(freedom: int, ratio: float, plain: bool = False) -> float:
    """What a nominal 95 % interval covers: scenarios' variance 1 and known, seeds' `ratio`."""
    middles = (np.arange(4000) + 0.5) / 4000
    estimated = ratio * chdtri(freedom, 1 - middles) / freedom
    many = np.full(4000, 1e9)
    spread = Spread(np.ones(4000), many, estimated, np.full(4000, float(freedom)), np.ones(4000))
    half = ndtri(0.975) * np.sqrt(1 + estimated) if plain else spread.margin()
    return float(np.mean(2 * ndtr(half / np.sqrt(1 + ratio)) - 1))


@pytest.mark.parametrize(
    ("freedom", "low", "high"), [(1, 0.934, 0.975), (2, 0.948, 0.968), (4, 0.949, 0.965)]
)
def test_normal_means_are_covered_at_every_ratio_of_the_two_variances(
    freedom: int, low: float, high: float
) -> None:
    covered = [integrated(freedom, ratio) for ratio in np.geomspace(0.001, 1000, 60)]
    assert low - 5e-4 <= min(covered)
    assert max(covered) <= high + 5e-4


def test_a_plain_bootstrap_is_too_narrow_for_few_seeds() -> None:
    assert integrated(2, 3.0, plain=True) < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seeds", bench.SEEDS)
def test_rates_are_covered_to_93_to_97_percent(seeds: int) -> None:
    covered = {
        name: bench.rate_coverage(who, seeds, SIMULATIONS).share
        for name, who in bench.RATES.items()
        if seeds != 2 or who.seed > 0
    }
    assert all(0.93 - ERRORS <= share <= 0.97 + ERRORS for share in covered.values()), covered
    assert 0.94 <= np.mean(list(covered.values())) <= 0.967


@pytest.mark.slow
@pytest.mark.parametrize("seeds", MANY)
def test_differences_are_covered_to_93_to_97_percent(seeds: int) -> None:
    covered = {
        name: bench.difference_coverage(who, seeds, SIMULATIONS).share
        for name, who in bench.DIFFERENCES.items()
    }
    assert all(0.93 - ERRORS <= share <= 0.97 + ERRORS for share in covered.values()), covered
    assert 0.94 <= np.mean(list(covered.values())) <= 0.97


@pytest.mark.slow
def test_two_seeds_are_covered_with_caution() -> None:
    """Where the target is missed: too wide, never too narrow."""
    covered = [
        bench.rate_coverage(bench.RATES["seeds alike"], 2, SIMULATIONS).share,
        *(bench.difference_coverage(w, 2, SIMULATIONS).share for w in bench.DIFFERENCES.values()),
    ]
    assert min(covered) >= 0.955
    assert max(covered) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seeds", bench.SEEDS)
def test_bits_per_byte_are_covered_to_93_to_97_percent(seeds: int) -> None:
    covered = [
        bench.bits_coverage(documents, between, seeds, SIMULATIONS).share
        for documents, between in bench.LOSSES.values()
    ]
    assert all(0.93 - ERRORS <= share <= 0.97 + ERRORS for share in covered), covered


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_recipes_that_are_one_are_called_different_in_at_most_5_percent_of_studies(
    seeds: int,
) -> None:
    assert bench.family_wise(seeds, 1000) <= 0.05


def test_a_study_of_one_seed_cannot_speak_of_seeds() -> None:
    assert bench.family_wise(1, 250) > 0.5
