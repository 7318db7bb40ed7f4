"""Pairs of similar documents: every candidate verified on the whole sets of shingles."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alignment_dagster.deduplication.candidates import (
    Candidates,
    Entries,
    Flags,
    all_shingles,
    concatenate,
    join,
    met_prefixes,
    prefixes,
)
from alignment_dagster.deduplication.documents import DistinctDocuments, Numbers
from alignment_dagster.deduplication.measure import Measure

MOST_NEIGHBOURS = 64
"""Of a document, the earliest: a thousand copies of a page have no million pairs. A recipe that
keeps none of them keeps the document."""
LOOKED_AT = 4 * MOST_NEIGHBOURS
"""Documents with the same shingle that are compared first."""


@dataclass(frozen=True)
class Pairs:
    """Similar documents by their numbers, ordered by the later one, then the earlier one."""

    later: Numbers
    earlier: Numbers
    similarity: npt.NDArray[np.float64]

    def of(self, chosen: Flags) -> "Pairs":
        return Pairs(self.later[chosen], self.earlier[chosen], self.similarity[chosen])


@dataclass(frozen=True)
class Known:
    """What an earlier search found among the documents that `is_old` names."""

    is_old: Flags
    """Of each document, by its number; old ones are in the order of the earlier search."""
    pairs: Pairs


def find_pairs(documents: DistinctDocuments, measure: Measure, known: Known | None = None) -> Pairs:
    """Every pair of distinct documents at or above the threshold, of each the earliest
    `MOST_NEIGHBOURS`.

    Args:
        documents: in the order in which the earlier one is kept.
        measure: similarity and threshold.
        known: what need not be looked for again.
    """
    if known is None:
        heads = prefixes(documents, measure)
        index = heads if measure.is_symmetric else all_shingles(documents, heads)
        return _search(documents, measure, heads, index, with_itself=True)
    new = ~known.is_old & (documents.sizes > 0)
    new_heads = met_prefixes(documents, measure, new, None)
    if measure.is_symmetric:
        new_index = new_heads
        old_heads = met_prefixes(documents, measure, known.is_old, new_index)
        index = concatenate([new_heads, old_heads])
    else:
        new_index = all_shingles(documents, None, new)
        old_heads = met_prefixes(documents, measure, known.is_old, new_index)
        index = all_shingles(documents, new_heads)
    return _earliest(
        [
            known.pairs,
            _search(documents, measure, new_heads, index, with_itself=True),
            _search(documents, measure, old_heads, new_index, with_itself=False),
        ]
    )


def _search(
    documents: DistinctDocuments,
    measure: Measure,
    probes: Entries,
    index: Entries,
    *,
    with_itself: bool,
) -> Pairs:
    """Pairs of the probes' documents with the earlier ones of the index."""
    found = join(probes, index, LOOKED_AT, with_itself=with_itself)
    first = _verify_all(documents, measure, found.candidates())
    counts = dict(zip(*np.unique(first.later, return_counts=True), strict=True))
    rest = np.array(
        [one for one in found.complete_to if counts.get(one, 0) < MOST_NEIGHBOURS], np.int64
    )
    if not len(rest):
        return first
    again = probes.of(np.isin(probes.documents, rest))
    every = join(again, index, None, with_itself=with_itself)
    second = _verify_all(documents, measure, every.candidates())
    return _earliest([first.of(~np.isin(first.later, rest)), second])


def _verify_all(
    documents: DistinctDocuments, measure: Measure, blocks: Iterable[Candidates]
) -> Pairs:
    return _earliest([_verify(documents, measure, block) for block in blocks])


def _verify(documents: DistinctDocuments, measure: Measure, found: Candidates) -> Pairs:
    sizes = documents.sizes
    possible = measure.may_reach(found.shared, sizes[found.later], sizes[found.earlier])
    later, earlier = found.later[possible], found.earlier[possible]
    similar: list[Pairs] = []
    while len(later):
        # the earliest candidates of each document first: most have no others
        turn = _places_within(later) < MOST_NEIGHBOURS
        verified = _similar(documents, measure, later[turn], earlier[turn])
        similar.append(verified)
        later, earlier = later[~turn], earlier[~turn]
        numbers, counts = np.unique(verified.later, return_counts=True)
        full = numbers[counts >= MOST_NEIGHBOURS]
        open_ = ~np.isin(later, full)
        later, earlier = later[open_], earlier[open_]
    return _earliest(similar)


def _similar(
    documents: DistinctDocuments, measure: Measure, later: Numbers, earlier: Numbers
) -> Pairs:
    shared = np.array(
        [
            _count_shared(documents.shingles(one), documents.shingles(other))
            for one, other in zip(later.tolist(), earlier.tolist(), strict=True)
        ],
        np.int64,
    )
    similarity = measure.similarity(shared, documents.sizes[later], documents.sizes[earlier])
    return Pairs(later, earlier, similarity).of(similarity >= measure.threshold)


def _count_shared(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> int:
    both = np.concatenate([one, other])
    both.sort()
    return int(np.count_nonzero(both[1:] == both[:-1]))


def _earliest(found: list[Pairs]) -> Pairs:
    """All of them in order, of each later document the earliest."""
    later = np.concatenate([np.zeros(0, np.int64), *(one.later for one in found)])
    earlier = np.concatenate([np.zeros(0, np.int64), *(one.earlier for one in found)])
    similarity = np.concatenate([np.zeros(0), *(one.similarity for one in found)])
    order = np.lexsort((earlier, later))
    pairs = Pairs(later[order], earlier[order], similarity[order])
    return pairs.of(_places_within(pairs.later) < MOST_NEIGHBOURS)


def _places_within(numbers: Numbers) -> Numbers:
    """Of sorted numbers: the place of each among those like it."""
    if not len(numbers):
        return numbers
    begins = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    lengths = np.diff(np.concatenate([begins, [len(numbers)]]))
    return np.arange(len(numbers)) - np.repeat(begins, lengths)
