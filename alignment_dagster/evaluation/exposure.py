"""How much a ranking betrays of what a model learnt.

The exposure of N. Carlini et al., "The Secret Sharer" (arXiv:1802.08232, 2019): log2 of the number
of candidates, less log2 of the rank of the one that was planted. It is 0 where that one is the
least likely of them, and log2 of their number where it is the likeliest.
"""

import math
from collections.abc import Sequence


def rank_first(values: Sequence[float]) -> int:
    """The rank of the first value, from 1 for the highest; of equal values it is the last."""
    return sum(value >= values[0] for value in values)


def exposure(rank: int, candidates: int) -> float:
    """In bits."""
    return math.log2(candidates) - math.log2(rank)


def chance_exposure(candidates: int) -> float:
    """Its mean, in bits, where every rank is as likely as any other."""
    ranks = range(1, candidates + 1)
    return sum(exposure(rank, candidates) for rank in ranks) / candidates
