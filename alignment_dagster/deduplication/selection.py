"""Which documents are removed, and for which kept one."""

import numpy as np

from alignment_dagster.deduplication.documents import Numbers
from alignment_dagster.deduplication.pairs import Pairs


def select_kept(pairs: Pairs) -> Pairs:
    """For each removed document the earliest kept one that it is similar to, and how similar.

    In their order, a document is removed if and only if it is similar to one that is kept: what is
    similar to removed ones alone stays. What comes later changes nothing of what is kept before.
    """
    removed: set[int] = set()
    chosen = np.zeros(len(pairs.later), bool)
    for place, (later, earlier) in enumerate(
        zip(pairs.later.tolist(), pairs.earlier.tolist(), strict=True)
    ):
        if later not in removed and earlier not in removed:
            removed.add(later)
            chosen[place] = True
    return pairs.of(chosen)


def cluster_sizes(kept: Pairs) -> tuple[Numbers, Numbers]:
    """Each document that others were removed for, and how many: the largest first."""
    numbers, counts = np.unique(kept.earlier, return_counts=True)
    order = np.lexsort((numbers, -counts))
    return numbers[order], counts[order]
