"""The part of a source that is read word by word, and in how many documents each term comes.

A large source is sampled: the documents with the smallest ids. An id is a SHA-256, so these are
drawn evenly, and two versions of a source share those that both hold.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.normalise import normalise

MOST_CHARACTERS = 12_000_000
"""Of the sample."""


@dataclass(frozen=True)
class TermCounts:
    """In how many documents of a sample each term comes."""

    documents: int
    """Of the sample."""
    terms: Counter[str]
    """Term → documents that hold it."""


def sample_documents(documents: pa.Table) -> pa.Table:
    """The documents with the smallest ids, up to the most characters, but at least one.

    Args:
        documents: has the columns `document_id`, `characters` and `text`.
    """
    order = pc.sort_indices(documents["document_id"])
    lengths = documents["characters"].take(order).to_numpy()
    count = int(np.searchsorted(np.cumsum(lengths), MOST_CHARACTERS, side="right"))
    return documents.take(order.slice(0, max(1, count)))


def count_terms(sample: pa.Table) -> TermCounts:
    """Count the normalised words of a sample."""
    terms: Counter[str] = Counter()
    for text in sample["text"].to_pylist():
        terms.update(set(normalise(text)))
    return TermCounts(sample.num_rows, terms)
