"""Does a benefit last: what is left of it after further training, and when half of it is gone.

The benefit of a recipe is the baseline's rate less the recipe's, on the same scenarios: positive
where the recipe is less misaligned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alignment_dagster.report.statistics import Array, Estimate, difference
from alignment_dagster.report.statistics.variance import difference_spread

FARTHEST = 1e6
"""A ratio's interval that reaches so far has no end."""
HALVINGS = 40
NO_BENEFIT = "no benefit to lose: the interval of the benefit before reaches zero or below"
NOT_ONE_SIDED = "the benefit before is too uncertain for a ratio with a finite interval"
ONE_POINT = "measured at one point only"
NOT_HALVED = "not halved within the budget"


@dataclass(frozen=True)
class Persistence:
    """The benefit before and after, and their ratio."""

    before: Estimate
    after: Estimate
    ratio: Estimate | None
    """After / before: 1 where all of it lasts, 0 where none does, below 0 where it turned."""
    note: str
    """Why there is no ratio, where there is none."""


@dataclass(frozen=True)
class Erosion:
    """A recipe's benefit while training goes on."""

    benefit: tuple[Estimate, ...]
    """At each measured point."""
    persistence: Persistence
    """From the first point to the last."""
    half_life_steps: float | None
    """Steps until half of the first point's benefit is gone; None where there is no such point."""
    half_life_tokens: float | None
    half_life_note: str
    """Why there is none, where there is none."""
    area: Estimate
    """Between the curves: the mean benefit over log2(step + 1)."""


def persistence(
    before_baseline: Array, before_recipe: Array, after_baseline: Array, after_recipe: Array
) -> Persistence:
    """What is left of a recipe's benefit.

    The ratio's interval holds every θ for which `after - θ · before` cannot be told from zero
    (Fieller 1954, Journal of the Royal Statistical Society B 16). Each seed and scenario is its own
    partner before and after. There is no ratio unless the benefit before is above zero.

    Args:
        before_baseline: [seeds, scenarios].
        before_recipe: [other seeds, the same scenarios].
        after_baseline: the baseline's seeds and scenarios again.
        after_recipe: the recipe's seeds and scenarios again.

    Raises:
        ValueError: if a recipe's seeds or scenarios are not the same before and after.
    """
    pairs = ((before_baseline, after_baseline), (before_recipe, after_recipe))
    if any(before.shape != after.shape for before, after in pairs):
        raise ValueError("persistence needs the same seeds and scenarios before and after")
    before = difference(before_baseline, before_recipe)
    after = difference(after_baseline, after_recipe)
    if before.ci_low <= 0:
        return Persistence(before, after, None, NO_BENEFIT)
    centre = after.value / before.value

    def is_compatible(ratio: float) -> bool:
        first = after_baseline - ratio * before_baseline
        second = after_recipe - ratio * before_recipe
        distance = abs(float(first.mean() - second.mean()))
        return distance <= float(difference_spread(first, second).margin())

    low, high = (_interval_end(is_compatible, centre, direction) for direction in (-1.0, 1.0))
    if low is None or high is None:
        return Persistence(before, after, None, NOT_ONE_SIDED)
    ratio = Estimate(centre, low, high, before.scenarios, before.seeds)
    return Persistence(before, after, ratio, "")


def erosion(baseline: Array, recipe: Array, steps: Sequence[int], tokens: Sequence[int]) -> Erosion:
    """The benefit over further training and its summaries.

    Args:
        baseline: [points, seeds, scenarios].
        recipe: [points, other seeds, the same scenarios].
        steps: of the points, rising from 0.
        tokens: trained on until each point.

    Raises:
        ValueError: if there is no point, or the points are not those of the curves.
    """
    if not len(baseline) == len(recipe) == len(steps) == len(tokens) > 0:
        raise ValueError("erosion needs both curves, steps and tokens at the same points")
    benefit = tuple(difference(a, b) for a, b in zip(baseline, recipe, strict=True))
    whole = persistence(baseline[0], recipe[0], baseline[-1], recipe[-1])
    half, note = _half_life(benefit, steps)
    weights = _trapezoid_weights(np.log2(np.asarray(steps, dtype=np.float64) + 1))
    return Erosion(
        benefit=benefit,
        persistence=whole,
        half_life_steps=half,
        half_life_tokens=None if half is None else float(np.interp(half, steps, tokens)),
        half_life_note=note,
        area=difference(np.tensordot(weights, baseline, 1), np.tensordot(weights, recipe, 1)),
    )


def _interval_end(
    is_compatible: Callable[[float], bool], centre: float, direction: float
) -> float | None:
    """The farthest ratio held on one side of the centre; None where there is no end."""
    inside, reach = centre, 0.01
    while is_compatible(centre + direction * reach):
        inside, reach = centre + direction * reach, reach * 2
        if reach > FARTHEST:
            return None
    outside = centre + direction * reach
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_compatible(middle) else (inside, middle)
    return inside


def _half_life(benefit: Sequence[Estimate], steps: Sequence[int]) -> tuple[float | None, str]:
    """Where the curve first falls to half, linear in log(step + 1) between two points."""
    if benefit[0].ci_low <= 0:
        return None, NO_BENEFIT
    if len(benefit) == 1:
        return None, ONE_POINT
    half = benefit[0].value / 2
    for number in range(1, len(benefit)):
        above, below = benefit[number - 1].value, benefit[number].value
        if below <= half:
            ends = np.log1p(steps[number - 1 : number + 1])
            share = (above - half) / (above - below)
            return float(np.expm1(ends[0] + share * (ends[1] - ends[0]))), ""
    return None, f"{NOT_HALVED} of {steps[-1]} steps"


def _trapezoid_weights(at: Array) -> Array:
    """Weights of the points in the mean over `at`; they sum to 1."""
    if len(at) == 1:
        return np.ones(1)
    gaps = np.diff(at)
    weights = np.concatenate([gaps, [0.0]]) + np.concatenate([[0.0], gaps])
    return np.asarray(weights / weights.sum())
