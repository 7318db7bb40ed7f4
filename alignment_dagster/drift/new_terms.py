"""Terms that many documents hold now and hardly any did then."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from alignment_dagster.drift.change import Change
from alignment_dagster.drift.sample import TermCounts, count_terms

LEAST_DOCUMENTS = 5
"""What fewer documents hold is not frequent."""
LEAST_RATIO = 10.0
"""A term is new where its share of documents is at least so many times what it was."""
MOST_TERMS = 50
"""That are listed, the most frequent first."""
LONGEST_TERM = 40
"""Characters; what is longer is no word: an encoded file, or a script without spaces."""


@dataclass(frozen=True)
class NewTerm:
    """A term with the shares of the (sampled) documents that held and hold it."""

    term: str
    documents_then: int
    documents_now: int
    share_then: float
    share_now: float
    times: float
    """How many times the earlier share, smoothed."""


def find_new_terms(sample: pa.Table, earlier_sample: pa.Table) -> list[NewTerm]:
    """The new frequent terms, the most frequent first."""
    now, then = count_terms(sample), count_terms(earlier_sample)
    frequent = (
        _compare(term, then, now)
        for term, documents in now.terms.items()
        if documents >= LEAST_DOCUMENTS and len(term) <= LONGEST_TERM
    )
    new = [term for term in frequent if term.times >= LEAST_RATIO]
    return sorted(new, key=lambda term: (-term.share_now, term.term))[:MOST_TERMS]


def _compare(term: str, then: TermCounts, now: TermCounts) -> NewTerm:
    before, after = then.terms[term], now.terms[term]
    # half a document more on each side: a term that was nowhere has no infinite ratio
    smooth_now = (after + 0.5) / (now.documents + 1)
    smooth_then = (before + 0.5) / (then.documents + 1)
    return NewTerm(
        term=term,
        documents_then=before,
        documents_now=after,
        share_then=before / max(1, then.documents),
        share_now=after / max(1, now.documents),
        times=smooth_now / smooth_then,
    )


def measure(terms: Sequence[NewTerm], *, compared: bool) -> list[Change]:
    """The share of documents with the most frequent new term; 0 where no term is new."""
    column = "most frequent new term"
    if not compared:
        return [Change("new_terms", column, None, None, None)]
    if not terms:
        return [Change("new_terms", column, 0.0, 0.0, 0.0)]
    first = terms[0]
    return [Change("new_terms", column, first.share_then, first.share_now, first.share_now)]
