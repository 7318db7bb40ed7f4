"""Quantiles of Student's t, so that intervals need no further dependency."""

import math
from functools import lru_cache
from statistics import NormalDist


@lru_cache(maxsize=4096)
def student_t(level: float, freedom: float) -> float:
    """The half-width of a central interval: P(|T| ≤ t) = `level`.

    `freedom` may be fractional or infinite. Solved by bisection to 1e-10.
    """
    if freedom > 1e6:
        return NormalDist().inv_cdf(0.5 + level / 2)
    low, high = 0.0, 1.0
    while _central(high, freedom) < level:
        high *= 2
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def _central(t: float, freedom: float) -> float:
    """P(|T| ≤ t): one less the regularised incomplete beta function at freedom/(freedom+t²)."""
    return 1.0 - _beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function, by the continued fraction of Lentz."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            result *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return result
