"""Terms that many documents hold now and hardly any did then."""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.drift.measure import Moved
from alignment_dagster.drift.vocabulary import LONGEST_TERM, Counted

LEAST_DOCUMENTS = 5
"""What fewer documents hold is not frequent."""
TIMES = 10.0
"""A term is new where its share of documents is at least so many times what it was."""
MOST_TERMS = 50
"""That are listed, the most frequent first."""


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


def new_terms(now: Counted, then: Counted) -> list[NewTerm]:
    """The new frequent terms, the most frequent first."""
    frequent = (
        _compared(term, then, now, documents)
        for term, documents in now.terms.items()
        if documents >= LEAST_DOCUMENTS and len(term) <= LONGEST_TERM
    )
    found = [term for term in frequent if term.times >= TIMES]
    return sorted(found, key=lambda one: (-one.share_now, one.term))[:MOST_TERMS]


def _compared(term: str, then: Counted, now: Counted, documents: int) -> NewTerm:
    before = then.terms[term]
    # half a document more on each side: a term that was nowhere has no infinite ratio
    smooth_now = (documents + 0.5) / (now.documents + 1)
    smooth_then = (before + 0.5) / (then.documents + 1)
    return NewTerm(
        term=term,
        documents_then=before,
        documents_now=documents,
        share_then=before / max(1, then.documents),
        share_now=documents / max(1, now.documents),
        times=smooth_now / smooth_then,
    )


def measure(terms: Sequence[NewTerm], *, compared: bool) -> list[Moved]:
    """The share of documents with the most frequent new term; 0 where no term is new."""
    name = "most frequent new term"
    if not compared:
        return [Moved("new_terms", name, None, None, None)]
    if not terms:
        return [Moved("new_terms", name, 0.0, 0.0, 0.0)]
    first = terms[0]
    return [Moved("new_terms", name, first.share_then, first.share_now, first.share_now)]
