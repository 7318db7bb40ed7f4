"""The variance of a mean over a crossed table, as the hierarchical bootstrap has it.

Tables are [..., seeds, scenarios]; leading axes are separate tables (a simulation uses them).

With unlimited resamples the bootstrap over scenarios (for all seeds at once) has the variance
Σ_j (mean_j - mean)² / J², the one over seeds Σ_i (mean_i - mean)² / S². Both are rescaled by
n/(n - 1), because resampling n values underestimates by as much (Rao & Wu 1988, JASA 83). Both
hold the seed x scenario interaction, which must count once: it is taken off the scenarios' part
(two-way random effects: Cornfield & Tukey 1956, Annals of Mathematical Statistics 27), so that
the seeds' part stays a plain sample variance and few seeds cannot make it negative. Two seeds that
agree by chance would then leave almost nothing: an interval is at least √½ of the one over
scenarios alone. (All of it would be safer, and cover 98 to 99 % where seeds are alike.)
"""

import numpy as np

from alignment_dagster.report.statistics.estimates import Array
from alignment_dagster.report.statistics.student import ONE_SIDE, TWO_SIDES, Spread

TINY = 1e-18
LEAST = 0.5
"""Of the variance given these very seeds, the share that an interval has at least."""


def mean_spread(cells: Array) -> Spread:
    """Of the mean of each table [..., seeds, scenarios]."""
    seeds, scenarios = cells.shape[-2:]
    own = _by_scenario(cells)
    freedom = np.array(max(scenarios - 1.0, 1.0))
    if seeds == 1:
        return Spread(own, freedom, np.zeros_like(own), np.array(1.0), own)
    shared = np.maximum(0.0, own - _interaction(cells))
    return Spread(shared, freedom, _by_seed(cells), np.array(seeds - 1.0), LEAST * own)


def difference_spread(first: Array, second: Array) -> Spread:
    """Of the difference of two means over the same scenarios, from independent seeds.

    The two variances over seeds are added, at Welch's degrees of freedom (Welch 1947, Biometrika
    34). A side with one seed adds nothing: the difference is then that of this very seed.

    Where nothing varies, the variance is that of Agresti & Min (2005, Statistics in Medicine 24)
    for paired shares that never differ, 1/(J + 2)².
    """
    scenarios = first.shape[-1]
    own = _by_scenario(first.mean(axis=-2, keepdims=True) - second.mean(axis=-2, keepdims=True))
    own = np.where(own > TINY, own, 1 / (scenarios + 2) ** 2)
    shared, seeds, squares = own, np.zeros_like(own), np.zeros_like(own)
    for side in (first, second):
        if side.shape[-2] > 1:
            part = _by_seed(side)
            shared = shared - _interaction(side)
            seeds, squares = seeds + part, squares + part**2 / (side.shape[-2] - 1)
    welch = np.divide(seeds**2, squares, out=np.ones_like(seeds), where=squares > 0)
    freedom = np.array(max(scenarios - 1.0, 1.0))
    exponent = TWO_SIDES if min(first.shape[-2], second.shape[-2]) > 1 else ONE_SIDE
    return Spread(np.maximum(0.0, shared), freedom, seeds, welch, LEAST * own, exponent)


def pseudo_values(values: Array, sizes: Array) -> Array:
    """Tukey's pseudo-values of Σ values / Σ sizes, each unit left out once.

    Their plain mean has the variance of the ratio (Miller 1974, "The jackknife", Biometrika 61);
    with equal sizes they are values / size.

    Args:
        values: [..., seeds, units].
        sizes: [..., 1, units].
    """
    whole, size = values.sum(axis=-1, keepdims=True), sizes.sum(axis=-1, keepdims=True)
    units = values.shape[-1]
    if units == 1:
        return values / sizes
    return np.asarray(units * whole / size - (units - 1) * (whole - values) / (size - sizes))


def _by_scenario(cells: Array) -> Array:
    return _of_mean(cells.mean(axis=-2))


def _by_seed(cells: Array) -> Array:
    return _of_mean(cells.mean(axis=-1))


def _of_mean(values: Array) -> Array:
    """The variance of a mean of independent values along the last axis; 0 where there is one."""
    if values.shape[-1] == 1:
        return np.zeros(values.shape[:-1])
    return np.asarray(values.var(axis=-1, ddof=1) / values.shape[-1])


def _interaction(cells: Array) -> Array:
    """What the seed x scenario interaction adds to the variance of the mean."""
    seeds, scenarios = cells.shape[-2:]
    if scenarios == 1:
        return np.zeros(cells.shape[:-2])
    rest = (
        cells
        - cells.mean(axis=-1, keepdims=True)
        - cells.mean(axis=-2, keepdims=True)
        + cells.mean(axis=(-2, -1), keepdims=True)
    )
    freedom = (seeds - 1) * (scenarios - 1)
    return np.asarray((rest**2).sum(axis=(-2, -1)) / (freedom * seeds * scenarios))
