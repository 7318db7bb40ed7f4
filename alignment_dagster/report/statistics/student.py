"""How many standard errors an interval takes, when few seeds say how much seeds differ.

The variance of a mean has a part that many scenarios tell well and a part that S seeds tell with
S - 1 degrees of freedom: the problem of Behrens and Fisher. Satterthwaite's degrees of freedom are
too narrow there (with two seeds they cover 87 to 95 %), a sum of squared half-widths too wide (95
to 99 %). Cochran's approximation takes each part's own quantile of Student's t, weighted by its
share of the variance (Cochran & Cox 1950, "Experimental Designs"; Cochran 1964,
"Approximate significance levels of the Behrens-Fisher test", Biometrics 20(1)).

Cochran's weight, the seeds' share, errs towards wide intervals when both parts weigh alike. Here
it is raised to the power 9/8, or 5/4 where two recipes' variances over seeds are added (their
degrees of freedom are estimated too, and low). The powers come from numerical integration over
every ratio of the parts, normal means: with 9/8 two seeds cover 93.4 to 97.5 %, three 94.8 to 96.8
%, more 94.9 to 96.5 % (`tests/report/statistics/test_calibration.py` integrates it again).
"""

from dataclasses import dataclass

import numpy as np

from alignment_dagster.report.statistics.estimates import LEVEL, Array

ONE_SIDE, TWO_SIDES = 9 / 8, 5 / 4
BISECTIONS = 60
SMALLEST_P = 1e-30  # beyond 1e-150 stdtrit is infinite or no number for some freedoms


@dataclass(frozen=True)
class Spread:
    """The variance of a mean in two independent parts; arrays of any one shape."""

    scenarios: Array
    """The part that scenarios answer for."""
    scenario_freedom: Array
    """Its degrees of freedom."""
    seeds: Array
    """The part that seeds answer for; 0 with one seed."""
    seed_freedom: Array
    least: Array
    """What the variance is taken to be at least: few seeds may agree by chance."""
    exponent: float = ONE_SIDE
    """Of the seeds' share: `ONE_SIDE`, or `TWO_SIDES` where two variances over seeds are added."""

    def reach(self, tail: Array | float) -> Array:
        """The distance from its truth that the mean exceeds with probability `tail` (≤ 0.5)."""
        from scipy.special import stdtrit  # for weight: who shows results computes none

        tail = np.asarray(tail, dtype=np.float64)
        whole = self.scenarios + self.seeds
        share = np.divide(self.seeds, whole, out=np.zeros_like(whole), where=whole > 0)
        own = -stdtrit(self.scenario_freedom, tail)
        both = own + (-stdtrit(self.seed_freedom, tail) - own) * share**self.exponent
        return np.asarray(np.maximum(both * np.sqrt(whole), own * np.sqrt(self.least)))

    def margin(self, level: float = LEVEL) -> Array:
        """Half-width of the symmetric interval at `level`."""
        return self.reach((1 - level) / 2)

    def p_value(self, distance: Array | float) -> Array:
        """Two-sided: below 1 - level exactly where the interval at `level` excludes the truth.

        Args:
            distance: of the mean from the truth under test.
        """
        distance = np.abs(np.asarray(distance, dtype=np.float64))
        shape = np.broadcast_shapes(distance.shape, self.seeds.shape)
        low, high = np.full(shape, np.log(SMALLEST_P)), np.full(shape, np.log(0.5))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            beyond = self.reach(np.exp(middle)) > distance
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        return np.where(distance == 0, 1.0, 2 * np.exp(high))
