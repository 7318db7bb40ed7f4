"""Candidates: pairs that share a shingle of their prefixes, which every similar pair does.

All documents order their shingles alike. The first of each, as many as the threshold allows to
miss and one more, are its prefix; two similar documents have one in common there, whatever the
order is (Chaudhuri, Ganti, Kaushik: A Primitive Operator for Similarity Joins, ICDE 2006). The
order here is that of the hashes, with those that many prefixes hold at the end, so that what
stands in every document seldom makes a candidate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alignment_dagster.deduplication.documents import DistinctDocuments, Numbers
from alignment_dagster.deduplication.measure import Measure
from alignment_dagster.deduplication.shingles import Hashes

COMMON = 256
"""Documents; a bucket with more in their prefixes goes to the end of the order."""
ROUNDS = 8
MEETING_BITS = 22
"""Of the buckets that a few documents' shingles are looked up in."""
MOST_PAIRS = 4_000_000
"""That are looked at together: some 100 MB."""
NUMBER_BITS, NUMBER = np.uint64(32), np.uint64(0xFFFFFFFF)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Entries:
    """Shingles, each with the number of the document that has it."""

    hashes: Hashes
    documents: Numbers

    def of(self, chosen: Flags) -> "Entries":
        return Entries(self.hashes[chosen], self.documents[chosen])


def concatenate(found: Sequence[Entries]) -> Entries:
    """All of them."""
    return Entries(
        np.concatenate([np.zeros(0, np.uint64), *(one.hashes for one in found)]),
        np.concatenate([np.zeros(0, np.int64), *(one.documents for one in found)]),
    )


@dataclass(frozen=True)
class Buckets:
    """Hashes by some of their bits: what is counted without sorting."""

    bits: int
    skipped: int = 0
    """Bits before those."""

    @classmethod
    def of(cls, hashes: int, skipped: int = 0) -> "Buckets":
        """Two or more for each of so many hashes, and not more than 16 million."""
        return cls(min(24, (2 * hashes + 1).bit_length()), skipped)

    @property
    def number(self) -> int:
        return 1 << self.bits

    def place(self, hashes: Hashes) -> Numbers:
        """The bucket of each hash."""
        rest = hashes << np.uint64(self.skipped) if self.skipped else hashes
        return (rest >> np.uint64(64 - self.bits)).view(np.int64)

    def count(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """How many there are in each bucket."""
        return np.bincount(self.place(hashes), minlength=self.number)


def met_prefixes(
    documents: DistinctDocuments, measure: Measure, among: Flags, by: Entries | None
) -> Entries:
    """What the prefixes of some documents have in common buckets with `by`; all where it is None.

    In the order of the hashes alone: `prefixes` is for all documents at once.
    """
    buckets = Buckets(MEETING_BITS)
    asked = np.zeros(buckets.number, bool)
    if by is not None:
        asked[buckets.place(by.hashes)] = True
    lengths = np.where(among, measure.prefix_lengths(documents.sizes), 0)
    found = []
    for start, values, offsets in documents.arrays():
        count = lengths[start : start + len(offsets) - 1]
        if not count.any():
            continue
        owners = start + np.repeat(np.arange(len(count)), count)
        begins = np.cumsum(count) - count
        hashes = values[np.arange(len(owners)) + np.repeat(offsets[:-1] - begins, count)]
        entries = Entries(hashes, owners)
        found.append(entries if by is None else entries.of(asked[buckets.place(hashes)]))
    return concatenate(found)


def prefixes(documents: DistinctDocuments, measure: Measure) -> Entries:
    """The prefixes of all documents, in their order; what is common stands in few of them."""
    found = met_prefixes(documents, measure, documents.sizes > 0, None)
    places = np.concatenate([[0], np.cumsum(measure.prefix_lengths(documents.sizes))])
    _put_common_last(documents, found.hashes, found.documents, places)
    return found


def _put_common_last(
    documents: DistinctDocuments, found: Hashes, owners: Numbers, places: Numbers
) -> None:
    buckets = Buckets.of(len(found) // 4)  # one with several rare ones is not common yet
    common = np.zeros(buckets.number, np.int64)
    for _ in range(ROUNDS):
        within = buckets.place(found)
        counts = np.bincount(within, minlength=buckets.number)
        new = (counts > COMMON) & (common == 0)
        if not new.any():
            return
        common[new] = counts[new]
        for number in np.unique(owners[common[within] > 0]):
            values = documents.shingles(number)
            order = np.argsort(common[buckets.place(values)], kind="stable")
            length = places[number + 1] - places[number]
            found[places[number] : places[number + 1]] = values[order[:length]]


def all_shingles(
    documents: DistinctDocuments, wanted: Entries | None, among: Flags | None = None
) -> Entries:
    """The shingles of documents that lie in the buckets of `wanted`; all where it is None."""
    chosen = documents.sizes > 0 if among is None else among
    buckets = Buckets.of(0 if wanted is None else len(wanted.hashes))
    asked = np.ones(buckets.number, bool)
    if wanted is not None:
        asked = buckets.count(wanted.hashes) > 0
    found = []
    for start, values, offsets in documents.arrays():
        owners = start + np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        keep = chosen[owners]
        if wanted is not None:
            keep &= asked[buckets.place(values)]
        found.append(Entries(values, owners).of(keep))
    return concatenate(found)


@dataclass(frozen=True)
class Candidates:
    """Pairs of numbers by the later document, then the earlier one, and the prefix they share."""

    later: Numbers
    earlier: Numbers
    shared: Numbers


def join(probes: Entries, index: Entries, most_each: int | None, *, with_itself: bool) -> "Join":
    """Every pair of a document of `probes` with an earlier one of `index` that share a shingle.

    Args:
        most_each: how many documents of a shingle are looked at, from the first on; where there are
            more, the pairs of a document reach up to its `Join.complete_to` only.
        with_itself: whether all probes stand in the index too.
    """
    least = 2 if with_itself else 1
    for skipped in (0, 20, 40):  # what meets by chance does not meet in other bits again
        probes, index = _meeting(probes, index, least, skipped)
    known = np.sort(index.hashes)
    known = known[np.concatenate([[True], known[1:] != known[:-1]])] if len(known) else known
    ranks = np.searchsorted(known, index.hashes)
    keys = (ranks.astype(np.uint64) << NUMBER_BITS) | index.documents.astype(np.uint64)
    keys.sort()
    rank = ranks if probes is index else np.searchsorted(known, probes.hashes)
    rank[rank == len(known)] = 0
    there = known[rank] == probes.hashes if len(known) else np.zeros(0, bool)
    probes, low = probes.of(there), rank[there].astype(np.uint64) << NUMBER_BITS
    first = np.searchsorted(keys, low)
    last = np.searchsorted(keys, low | probes.documents.astype(np.uint64))
    complete_to: dict[int, int] = {}
    if most_each is not None:
        long = last - first > most_each
        ends = (keys[first[long] + most_each] & NUMBER).astype(np.int64)
        cut = np.full(int(probes.documents.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(cut, probes.documents[long], ends)
        limits = np.minimum(cut[probes.documents], probes.documents)
        last = np.searchsorted(keys, low | limits.astype(np.uint64))
        short = np.flatnonzero(cut < np.iinfo(np.int64).max)
        complete_to = dict(zip(short.tolist(), cut[short].tolist(), strict=True))
    some = last > first
    order = np.argsort(probes.documents[some], kind="stable")
    return Join(
        keys, probes.documents[some][order], first[some][order], last[some][order], complete_to
    )


def _meeting(probes: Entries, index: Entries, least: int, skipped: int) -> tuple[Entries, Entries]:
    """Those of both sides that lie in buckets of the other, with so many of the index."""
    buckets = Buckets.of(len(probes.hashes), skipped)
    if probes is index:
        places = buckets.place(index.hashes)
        counts = np.bincount(places, minlength=buckets.number)
        met = index.of(counts[places] >= least)
        return met, met
    asked = np.zeros(buckets.number, bool)
    asked[buckets.place(probes.hashes)] = True
    index = index.of(asked[buckets.place(index.hashes)])
    counts = buckets.count(index.hashes)
    probes = probes.of(counts[buckets.place(probes.hashes)] >= least)
    return probes, index.of(counts[buckets.place(index.hashes)] >= least)


@dataclass(frozen=True)
class Join:
    """Ranges of keys for each probe: what `candidates` counts."""

    keys: Hashes
    documents: Numbers
    first: Numbers
    last: Numbers
    complete_to: dict[int, int]
    """Documents not all of whose pairs are here → the first earlier one that may be missing."""

    def candidates(self) -> Iterator[Candidates]:
        """All pairs, some documents at a time."""
        work = np.cumsum(self.last - self.first)
        start = 0
        while start < len(self.documents):
            before = work[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(work, before + MOST_PAIRS, "right")))
            # a document's probes stay together
            end = int(np.searchsorted(self.documents, self.documents[end - 1], "right"))
            yield self._count(slice(start, end))
            start = end

    def _count(self, probes: slice) -> Candidates:
        lengths = self.last[probes] - self.first[probes]
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        places = np.repeat(self.first[probes] - begins, lengths) + np.arange(lengths.sum())
        earlier = self.keys[places] & NUMBER
        later = np.repeat(self.documents[probes], lengths).astype(np.uint64)
        pairs, shared = np.unique((later << NUMBER_BITS) | earlier, return_counts=True)
        return Candidates(
            (pairs >> NUMBER_BITS).astype(np.int64),
            (pairs & NUMBER).astype(np.int64),
            shared,
        )
