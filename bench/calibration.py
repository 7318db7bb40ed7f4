"""What the intervals cover, on simulated studies whose truth is known.

`python bench/calibration.py [--simulations 2000]`

Answers are binary. Their log-odds are a sum of normal effects: of the seed, of the scenario, of
seed and scenario together, of the item, and of the item's format. The truth of several seeds is the
mean over the populations of seeds and scenarios, that of one seed the mean over scenarios given
this seed; both are integrals of known densities. Nominal 95 % intervals are to cover 93 to 97 %.

The last rows are studies of four recipes that are one population under other seeds: the share of
them in which Holm's procedure calls any difference is to be at most 5 %. One seed is left out
there: its interval is of this very seed, and seeds do differ.
"""

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alignment_dagster.report.comparisons import holm
from alignment_dagster.report.statistics.intervals import (
    bits_bounds,
    difference_bounds,
    rate_bounds,
)
from alignment_dagster.report.statistics.variance import difference_spread

Array = NDArray[np.float64]
SEEDS = (1, 2, 3, 5, 10)
BATCH = 250
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
LN2 = math.log(2.0)


@dataclass(frozen=True)
class Population:
    """Where studies are drawn from; effects are standard deviations of the log-odds."""

    rate: float = 0.3
    scenarios: int = 80
    items: int = 120
    formats: int = 8
    seed: float = 0.3
    scenario: float = 1.0
    interaction: float = 0.7
    item: float = 0.5
    item_format: float = 0.7
    second_rate: float = 0.3
    """Of the other recipe, in a difference."""
    recipe_scenario: float = 0.3
    """What a scenario adds to one recipe alone, in a difference."""

    @property
    def within(self) -> float:
        """The deviation of all effects but the seed's."""
        parts = (self.scenario, self.interaction, self.item, self.item_format, self.recipe_scenario)
        return math.hypot(*parts)

    @property
    def whole(self) -> float:
        """The deviation of all effects."""
        return math.hypot(self.within, self.seed)


@dataclass(frozen=True)
class Coverage:
    """How often intervals held the truth."""

    share: float
    width: float
    simulations: int

    @property
    def error(self) -> float:
        """The Monte-Carlo standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.simulations)


STUDY = Population()
"""Like the quickstart study: seeds differ by .05."""
RATES = {
    "study": STUDY,
    "seeds alike": replace(STUDY, seed=0.0),
    "seeds apart (.09)": replace(STUDY, seed=0.6),
    "even (.5)": replace(STUDY, rate=0.5, seed=0.4),
    "skewed (.1)": replace(STUDY, rate=0.1, seed=0.5),
    "one format": replace(STUDY, items=80, formats=1, seed=0.4),
    "strong interaction": replace(STUDY, interaction=1.5, seed=0.4),
    "400 scenarios": replace(STUDY, scenarios=400, items=400, formats=4, seed=0.4),
    "20 scenarios": replace(STUDY, scenarios=20, items=30, seed=0.4),
    "20, skewed (.1)": replace(STUDY, scenarios=20, items=20, rate=0.1, seed=0.5),
}
DIFFERENCES = {
    "no effect": STUDY,
    "no effect, alike": replace(STUDY, seed=0.0),
    "apart (.09)": replace(STUDY, rate=0.4, second_rate=0.2, seed=0.6),
    "effect .3": replace(STUDY, rate=0.45, second_rate=0.15, seed=0.4),
    "skewed (.1, .05)": replace(STUDY, rate=0.1, second_rate=0.05, seed=0.5),
    "one format": replace(STUDY, items=80, formats=1, seed=0.4),
    "20 scenarios": replace(STUDY, scenarios=20, items=30, seed=0.4),
}
LOSSES = {"200 documents": (200, 0.02), "60 documents": (60, 0.02), "alike": (200, 0.0)}
"""Documents, and by how many bits seeds differ."""


def population_rate(log_odds: Array | float, deviation: float) -> Array:
    """E expit(log_odds + deviation · Z), Z standard normal."""
    inner = expit(np.asarray(log_odds)[..., None] + deviation * NODES)
    return np.asarray(inner @ WEIGHTS / WEIGHTS.sum())


def log_odds(rate: float, deviation: float) -> float:
    """The inverse of `population_rate`."""
    low, high = -40.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if population_rate(middle, deviation) < rate else (low, middle)
    return low


def items_drawn(generator: np.random.Generator, who: Population, tables: int) -> Array:
    """The effects that every recipe meets: [tables, 1, items, formats]."""
    owner = np.arange(who.items) % who.scenarios
    shape = (tables, 1, who.items, who.formats)
    effects = who.item_format * generator.standard_normal(shape, dtype=np.float32)
    effects += who.item * generator.standard_normal((*shape[:3], 1), dtype=np.float32)
    scenario = who.scenario * generator.standard_normal((tables, 1, who.scenarios, 1))
    return np.asarray(effects + scenario[:, :, owner].astype(np.float32))


def answered(generator: np.random.Generator, who: Population, items: Array, mean: Array) -> Array:
    """Cells [tables, seeds, scenarios] of one recipe; `mean` are log-odds [tables, seeds]."""
    tables, seeds = mean.shape
    owner = np.arange(who.items) % who.scenarios
    both = mean[:, :, None] + who.interaction * generator.standard_normal(
        (tables, seeds, who.scenarios)
    )
    both += who.recipe_scenario * generator.standard_normal((tables, 1, who.scenarios))
    chance = expit(both[:, :, owner, None].astype(np.float32) + items)
    shares = (generator.random(chance.shape, dtype=np.float32) < chance).mean(axis=-1)
    cells = np.zeros((tables, seeds, who.scenarios))
    for start in range(0, who.items, who.scenarios):
        part = shares[:, :, start : start + who.scenarios]
        cells[:, :, : part.shape[-1]] += part
    return cells / np.bincount(owner)


def seeded(
    generator: np.random.Generator, who: Population, rate: float, shape: tuple[int, int]
) -> tuple[Array, Array | float]:
    """Log-odds [tables, seeds] of a recipe of that rate, and the truth of each table."""
    means = log_odds(rate, who.whole) + who.seed * generator.standard_normal(shape)
    return means, rate if shape[1] > 1 else population_rate(means[:, 0], who.within)


def rate_coverage(who: Population, seeds: int, simulations: int) -> Coverage:
    """Of `rate`."""
    generator, held, widths = np.random.default_rng(seeds), [], []
    for _ in range(math.ceil(simulations / BATCH)):
        means, truth = seeded(generator, who, who.rate, (BATCH, seeds))
        cells = answered(generator, who, items_drawn(generator, who, BATCH), means)
        _, low, high = rate_bounds(cells)
        held.append((low <= truth) & (truth <= high))
        widths.append(high - low)
    return _coverage(held, widths)


def difference_coverage(who: Population, seeds: int, simulations: int) -> Coverage:
    """Of `difference`, for two recipes with as many seeds each."""
    generator, held, widths = np.random.default_rng(seeds), [], []
    for _ in range(math.ceil(simulations / BATCH)):
        items = items_drawn(generator, who, BATCH)
        sides, truths = [], []
        for rate in (who.rate, who.second_rate):
            means, truth = seeded(generator, who, rate, (BATCH, seeds))
            sides.append(answered(generator, who, items, means))
            truths.append(truth)
        _, low, high = difference_bounds(sides[0], sides[1])
        truth = truths[0] - truths[1]
        held.append((low <= truth) & (truth <= high))
        widths.append(high - low)
    return _coverage(held, widths)


def bits_coverage(documents: int, between: float, seeds: int, simulations: int) -> Coverage:
    """Of `bits_per_byte`: sizes are log-normal, and longer documents are easier."""
    generator, held, widths = np.random.default_rng(seeds), [], []
    for _ in range(math.ceil(simulations / BATCH)):
        log_size = generator.standard_normal((BATCH, documents))
        seed = between * generator.standard_normal((BATCH, seeds, 1))
        easier = 2.0 - 0.1 * log_size + 0.3 * generator.standard_normal((BATCH, documents))
        noise = 0.05 * generator.standard_normal((BATCH, seeds, documents))
        sizes = 300 * np.exp(log_size)
        _, low, high = bits_bounds((easier[:, None] + seed + noise) * LN2 * sizes[:, None], sizes)
        truth = 2.0 - 0.1 + (seed[:, 0, 0] if seeds == 1 else 0.0)  # E[size · log size]/E[size] = 1
        held.append((low <= truth) & (truth <= high))
        widths.append(high - low)
    return _coverage(held, widths)


def family_wise(seeds: int, simulations: int, who: Population = STUDY, recipes: int = 4) -> float:
    """The share of studies that call any difference between recipes that do not differ.

    Every pair of recipes on two suites at two stages; half of a seed's effect is shared by them.
    """
    generator, called = np.random.default_rng(seeds), 0
    who = replace(who, recipe_scenario=0.0)
    part = who.seed / math.sqrt(2)
    for _ in range(simulations // BATCH):
        shape = (BATCH, seeds)
        common = [part * generator.standard_normal(shape) for _ in range(recipes)]
        p_values = []
        for rate, scenarios in product((who.rate, who.rate / 2), (who.scenarios, 40)):
            slice_ = replace(who, scenarios=scenarios, rate=rate)
            items = items_drawn(generator, slice_, BATCH)
            centre = log_odds(rate, who.whole)
            cells = [
                answered(
                    generator, slice_, items, centre + one + part * generator.standard_normal(shape)
                )
                for one in common
            ]
            for first, second in combinations(cells, 2):
                distance = (first - second).mean(axis=(-2, -1))
                p_values.append(difference_spread(first, second).p_value(distance))
        called += sum(min(holm(row)) < 0.05 for row in np.stack(p_values, axis=1).tolist())
    return called / (simulations // BATCH * BATCH)


def grid(simulations: int) -> Iterator[tuple[str, int, Coverage]]:
    """Every declared setting and number of seeds."""
    for (name, who), seeds in product(RATES.items(), SEEDS):
        yield f"rate: {name}", seeds, rate_coverage(who, seeds, simulations)
    for (name, who), seeds in product(DIFFERENCES.items(), SEEDS):
        yield f"difference: {name}", seeds, difference_coverage(who, seeds, simulations)
    for (name, (documents, between)), seeds in product(LOSSES.items(), SEEDS):
        yield f"bits: {name}", seeds, bits_coverage(documents, between, seeds, simulations)


def _coverage(held: list[Array], widths: list[Array]) -> Coverage:
    every = np.concatenate(held)
    return Coverage(float(every.mean()), float(np.concatenate(widths).mean()), len(every))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    simulations = parser.parse_args().simulations
    started, outside = time.monotonic(), 0
    print(f"{'setting':<32}{'seeds':>6}{'covered':>9}{'± error':>9}{'width':>8}")
    for name, seeds, one in grid(simulations):
        off = not 0.93 <= one.share <= 0.97
        outside += off
        numbers = f"{seeds:>6}{one.share:>9.3f}{one.error:>9.3f}{one.width:>8.3f}"
        print(f"{name:<32}{numbers}{'  outside 93-97 %' if off else ''}", flush=True)
    for seeds in SEEDS[1:]:
        share = family_wise(seeds, 1000)
        print(f"{'recipe against itself, any call':<32}{seeds:>6}{share:>9.3f}", flush=True)
    print(f"{outside} rows outside 93-97 %; {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
