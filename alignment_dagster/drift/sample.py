"""The part of a source that is read word by word, and in how many documents each term comes.

A large source is sampled: the documents with the smallest ids. An id is a SHA-256, so these are
drawn evenly, and two versions of a source share those that both hold.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.normalise import is_unspaced, normalise

MOST_CHARACTERS = 12_000_000
"""Of the sample."""
COLUMNS = pa.schema(
    [("document_id", pa.string()), ("characters", pa.int64()), ("text", pa.string())]
)


@dataclass(frozen=True)
class TermCounts:
    """In how many documents of a sample each term comes."""

    documents: int
    """Of the sample."""
    terms: Counter[str]
    """Term → documents that hold it."""


class Sample:
    """The documents with the smallest ids, up to the most characters, but at least one."""

    def __init__(self) -> None:
        self.documents: pa.Table = COLUMNS.empty_table()
        """In the order of their ids."""

    def add(self, documents: pa.Table) -> None:
        """Look at more documents: what is in the sample of all is in that of each part.

        Args:
            documents: has the columns `COLUMNS`.
        """
        new = documents.select(COLUMNS.names).cast(COLUMNS)
        every = pa.concat_tables([self.documents, new])
        ids = every.select(["document_id", "characters"]).sort_by("document_id")
        count = int(np.searchsorted(np.cumsum(ids["characters"]), MOST_CHARACTERS, side="right"))
        first = ids["document_id"].slice(0, max(1, count))
        # Only the sample's texts are moved: one array of text holds 2 GiB at most.
        chosen = every.filter(pc.is_in(every["document_id"], first))
        self.documents = chosen.sort_by("document_id").combine_chunks()


def count_terms(sample: pa.Table) -> TermCounts:
    """Count the normalised words of a sample."""
    terms: Counter[str] = Counter()
    for text in sample["text"].to_pylist():
        terms.update(_terms(normalise(text)))
    return TermCounts(sample.num_rows, terms)


def _terms(words: list[str]) -> set[str]:
    """The distinct words; of a script without spaces, where a letter says little, the pairs."""
    distinct = set(words)
    letters = set(filter(is_unspaced, distinct))
    if not letters:
        return distinct
    pairs = {one + two for one, two in pairwise(words) if one in letters and two in letters}
    return distinct - letters | pairs
