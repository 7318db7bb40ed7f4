"""Rates and losses with intervals that hold over seeds *and* scenarios.

Every measure is a weighted mean over a crossed table *seeds x scenarios* (all formats and orders
of a scenario are averaged in its cell first, so they move together). Two hierarchical bootstraps
give its variance: scenarios are resampled for all seeds at once, and seeds with all their
scenarios (the two margins of the pigeonhole bootstrap: Owen 2007, "The pigeonhole bootstrap",
Annals of Applied Statistics 1(2)).

With three seeds a percentile interval over seeds is far too narrow: resampling S values
underestimates their variance by (S-1)/S, and three values know little of a tail. So each
bootstrap variance is rescaled by n/(n-1) (Rao & Wu 1988, JASA 83); the seed x scenario
interaction, which both margins hold, is taken off the seeds' part (two-way random effects:
Cornfield & Tukey 1956, Annals of Mathematical Statistics 27); and each part enters with its own
Student's t, their half-widths added in squares (MOVER: Zou & Donner 2008, Statistics in Medicine
27), so that what three seeds say weighs 4.3 standard errors and what many scenarios say 1.98.

Rates use Wilson's interval at the effective sample size p(1-p)/variance: it stays inside [0, 1]
and keeps a width at 0 and 1, where a bootstrap has none (Korn & Graubard 1998, Survey Methodology
24; Dean & Pagano 2015, Journal of Survey Statistics and Methodology 3).

With one seed there is nothing to learn about seeds: the interval covers scenarios only.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.digests import sha256_text
from alignment_dagster.evaluation.quantiles import student_t

Array = NDArray[np.float64]
LEVEL = 0.95
LN2 = math.log(2.0)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval."""

    value: float
    ci_low: float
    ci_high: float
    scenarios: int
    seeds: int


@dataclass(frozen=True)
class Spread:
    """Independent parts of the variance of a mean, each with its degrees of freedom."""

    parts: tuple[tuple[float, int], ...]

    @property
    def variance(self) -> float:
        """Their sum."""
        return sum(variance for variance, _ in self.parts)

    @property
    def margin(self) -> float:
        """Half-width of the symmetric interval at `LEVEL`."""
        return math.hypot(*(student_t(LEVEL, f) * math.sqrt(part) for part, f in self.parts))


def rate(cells: Array, resamples: int, key: str) -> Estimate:
    """The mean of shares in [0, 1].

    Args:
        cells: [seeds, scenarios]; each a mean over formats and orders.
        resamples: bootstrap resamples.
        key: what is measured; the bootstrap's random numbers derive from it.
    """
    value = float(cells.mean())
    spread = _spread(cells, np.ones(cells.shape[1]), resamples, key)
    low, high = _wilson(value, spread, cells.shape[1])
    return Estimate(value, low, high, cells.shape[1], cells.shape[0])


def bits_per_byte(nll: Array, sizes: Array, resamples: int, key: str) -> Estimate:
    """Bits needed for each byte of text: Σ nll / (ln 2 · Σ bytes).

    Args:
        nll: [seeds, documents], nats.
        sizes: [documents], bytes.
    """
    cells = nll / (LN2 * sizes)
    value = float((cells * sizes).sum() / (sizes.sum() * len(cells)))
    spread = _spread(cells, sizes, resamples, key)
    half = spread.margin
    return Estimate(value, max(0.0, value - half), value + half, cells.shape[1], cells.shape[0])


def difference(first: Array, second: Array, resamples: int, key: str) -> Estimate:
    """Mean of `first` less mean of `second`: paired by scenario, seeds independent.

    Args:
        first: [seeds, scenarios].
        second: [other seeds, the same scenarios in the same order].
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError("a paired difference needs the same scenarios on both sides")
    paired = first.mean(axis=0) - second.mean(axis=0)
    even = np.ones(len(paired))
    by_scenario = _spread(paired[None, :], even, resamples, key)
    by_seed = [_seeds_part(side, even, resamples, key) for side in (first, second)]
    half = Spread((*by_scenario.parts, *(part for parts in by_seed for part in parts))).margin
    value = float(paired.mean())
    low, high = max(-1.0, value - half), min(1.0, value + half)
    return Estimate(value, low, high, len(paired), min(len(first), len(second)))


def _spread(cells: Array, weights: Array, resamples: int, key: str) -> Spread:
    scenarios = cells.shape[1]
    counts = _resampled(_generator(key, "scenarios"), scenarios, resamples) * weights
    by_scenario = counts @ cells.mean(axis=0) / counts.sum(axis=1)
    own = [(_rescaled(by_scenario, scenarios), scenarios - 1)] if scenarios > 1 else []
    return Spread((*own, *_seeds_part(cells, weights, resamples, key)))


def _seeds_part(cells: Array, weights: Array, resamples: int, key: str) -> list[tuple[float, int]]:
    """What the choice of the seeds adds to the variance; nothing is known of it with one seed."""
    seeds = len(cells)
    if seeds == 1:
        return []
    means = cells @ weights / weights.sum()
    draws = _resampled(_generator(key, "seeds"), seeds, resamples) @ means / seeds
    return [(max(0.0, _rescaled(draws, seeds) - _interaction(cells, weights)), seeds - 1)]


def _generator(key: str, margin: str) -> np.random.Generator:
    return np.random.default_rng(int(sha256_text(key, margin)[:16], 16))


def _resampled(generator: np.random.Generator, size: int, resamples: int) -> Array:
    """How often each of `size` units is drawn: [resamples, size]."""
    drawn = generator.integers(0, size, (resamples, size))
    drawn += np.arange(resamples)[:, None] * size
    counts = np.bincount(drawn.ravel(), minlength=resamples * size)
    return counts.reshape(resamples, size).astype(np.float64)


def _rescaled(draws: Array, units: int) -> float:
    """Variance of the bootstrap's draws, without the bias of few units."""
    return float(draws.var()) * units / (units - 1)


def _interaction(cells: Array, weights: Array) -> float:
    """What the seed x scenario interaction adds to the variance of the weighted mean."""
    seeds, scenarios = cells.shape
    if scenarios == 1:
        return 0.0
    share = weights / weights.sum()
    value = float((cells @ share).mean())
    influence = (cells - value) * share * scenarios
    rest = (
        influence
        - influence.mean(axis=0, keepdims=True)
        - influence.mean(axis=1, keepdims=True)
        + influence.mean()
    )
    square = float((rest**2).sum())
    return square / float((seeds - 1) * (scenarios - 1) * seeds * scenarios)


def _wilson(value: float, spread: Spread, scenarios: int) -> tuple[float, float]:
    """Wilson's interval at the effective sample size; where nothing varies, at the scenarios."""
    variance = spread.variance
    size, t = float(scenarios), student_t(LEVEL, math.inf)
    if variance > 0:
        size, t = max(1.0, value * (1 - value) / variance), spread.margin / math.sqrt(variance)
    scale = 1 + t**2 / size
    middle = (value + t**2 / (2 * size)) / scale
    half = t / scale * math.sqrt(value * (1 - value) / size + t**2 / (4 * size**2))
    return max(0.0, min(middle - half, value)), min(1.0, max(middle + half, value))
