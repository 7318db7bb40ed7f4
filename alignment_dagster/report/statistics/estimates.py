"""What an interval is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with its interval at `LEVEL`."""

    value: float
    ci_low: float
    ci_high: float
    scenarios: int
    seeds: int
    """With one, the interval covers scenarios only."""
