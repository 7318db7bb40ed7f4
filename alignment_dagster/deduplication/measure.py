"""Which similarity is measured, and what follows from its threshold."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
ROUNDING = 1e-9
"""Of a threshold times a number of shingles, that must not lose a document by its last digit."""


@dataclass(frozen=True)
class Measure:
    """A similarity from 0 to 1 of a document to an earlier one, and its threshold.

    `jaccard`: the shingles of both over those of either. `containment`: the share of the later
    document's shingles that the earlier one has.
    """

    kind: Literal["jaccard", "containment"]
    threshold: float

    @property
    def is_symmetric(self) -> bool:
        return self.kind == "jaccard"

    def prefix_lengths(self, sizes: Counts) -> Counts:
        """How many of its first shingles a document shares some of with every similar one.

        For containment some more, so that several have to be shared: sizes alone exclude little.
        """
        needed = np.maximum(np.ceil(self.threshold * sizes - ROUNDING).astype(np.int64), 1)
        more = 1 if self.is_symmetric else 1 + needed // 8
        return np.where(sizes > 0, sizes - needed + more, 0)

    def may_reach(self, shared: Counts, later: Counts, earlier: Counts) -> npt.NDArray[np.bool_]:
        """Whether documents of these sizes, with so many shared in a prefix, can be similar.

        All prefixes are in one order: what else is shared lies behind one.
        """
        if not self.is_symmetric:
            behind = later - self.prefix_lengths(later)
            reached: npt.NDArray[np.bool_] = shared + behind >= self.threshold * later - ROUNDING
            return reached
        larger, smaller = np.maximum(later, earlier), np.minimum(later, earlier)
        needed = self.threshold / (1 + self.threshold) * (later + earlier) - ROUNDING
        behind = larger - self.prefix_lengths(larger)
        fits: npt.NDArray[np.bool_] = (smaller >= self.threshold * larger - ROUNDING) & (
            shared + behind >= needed
        )
        return fits

    def similarity(self, shared: Counts, later: Counts, earlier: Counts) -> npt.NDArray[np.float64]:
        """From the number of shared shingles and those of each document."""
        either = later + earlier - shared if self.is_symmetric else later
        return shared / either
