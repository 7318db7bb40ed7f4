"""The intervals: of rates, of paired differences, of bits per byte.

Rates use Wilson's interval at the effective sample size p(1-p)/variance: it stays inside [0, 1]
and keeps a width at 0 and 1, where a bootstrap has none (Korn & Graubard 1998, Survey Methodology
24; Dean & Pagano 2015, Journal of Survey Statistics and Methodology 3).

Functions named `…_bounds` take leading axes: each is a separate table.
"""

import math
from dataclasses import replace

import numpy as np

from alignment_dagster.report.statistics.estimates import LEVEL, Array, Estimate
from alignment_dagster.report.statistics.student import Spread
from alignment_dagster.report.statistics.variance import (
    TINY,
    difference_spread,
    mean_spread,
    pseudo_values,
)

LN2 = math.log(2.0)
Bounds = tuple[Array, Array, Array]
"""Value, low, high."""


def rate(cells: Array) -> Estimate:
    """The mean of shares in [0, 1], over a population of seeds and of scenarios.

    Args:
        cells: [seeds, scenarios]; each a mean over formats and orders.
    """
    return _estimate(rate_bounds(cells), cells.shape)


def difference(first: Array, second: Array, level: float = LEVEL) -> Estimate:
    """Mean of `first` less mean of `second`: paired by scenario, seeds independent.

    Args:
        first: [seeds, scenarios].
        second: [other seeds, the same scenarios in the same order].
        level: that the interval covers.

    Raises:
        ValueError: if the sides have different numbers of scenarios.
    """
    bounds = difference_bounds(first, second, level)
    return _estimate(bounds, (min(len(first), len(second)), first.shape[1]))


def bits_per_byte(nll: Array, sizes: Array) -> Estimate:
    """Bits needed for each byte of text: Σ nll / (ln 2 · Σ bytes).

    Args:
        nll: [seeds, documents], nats.
        sizes: [documents], bytes.
    """
    return _estimate(bits_bounds(nll, sizes), nll.shape)


def rate_bounds(cells: Array) -> Bounds:
    """Of each table [..., seeds, scenarios]."""
    value = cells.mean(axis=(-2, -1))
    low, high = _wilson(value, mean_spread(cells), cells.shape[-1])
    return value, low, high


def difference_bounds(first: Array, second: Array, level: float = LEVEL) -> Bounds:
    """Of each pair of tables [..., seeds, scenarios]."""
    if first.shape[-1] != second.shape[-1]:
        raise ValueError("a paired difference needs the same scenarios on both sides")
    value = first.mean(axis=(-2, -1)) - second.mean(axis=(-2, -1))
    half = difference_spread(first, second).margin(level)
    return value, np.maximum(-1.0, value - half), np.minimum(1.0, value + half)


def bits_bounds(nll: Array, sizes: Array) -> Bounds:
    """Of each table [..., seeds, documents] with its sizes [..., documents].

    Few large documents say less than many small ones: the documents' degrees of freedom are
    Kish's effective number of them, less one (Kish 1965, "Survey Sampling").
    """
    sizes = sizes[..., None, :]
    spread = mean_spread(pseudo_values(nll, sizes) / LN2)
    effective = sizes.sum(axis=(-2, -1)) ** 2 / (sizes**2).sum(axis=(-2, -1))
    half = replace(spread, scenario_freedom=np.maximum(1.0, effective - 1)).margin()
    value = nll.sum(axis=-1).mean(axis=-1) / (LN2 * sizes.sum(axis=(-2, -1)))
    return value, np.maximum(0.0, value - half), value + half


def _wilson(value: Array, spread: Spread, scenarios: int) -> tuple[Array, Array]:
    """At the effective sample size; where nothing varies, at the number of scenarios."""
    from scipy.special import stdtrit  # for weight: who shows results computes none

    odds = value * (1 - value)
    squared = spread.margin() ** 2
    bare = stdtrit(spread.scenario_freedom, (1 + LEVEL) / 2) ** 2 / scenarios
    # t² over the effective size, t² · variance / (p(1 - p)): Wilson's interval needs no more.
    ratio = np.divide(squared, odds, out=np.full_like(odds, bare), where=squared > TINY)
    middle = (value + ratio / 2) / (1 + ratio)
    half = np.sqrt(ratio * odds + ratio**2 / 4) / (1 + ratio)
    return np.clip(middle - half, 0, value), np.clip(middle + half, value, 1)


def _estimate(bounds: Bounds, shape: tuple[int, ...]) -> Estimate:
    value, low, high = (float(one) for one in bounds)
    return Estimate(value, low, high, scenarios=shape[-1], seeds=shape[-2])
