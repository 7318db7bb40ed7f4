"""In how many documents each term comes, and which language each document seems to be in.

Counted in a sample where a source is large: the documents with the smallest ids. An id is a
SHA-256, so these are drawn evenly, and two versions of a source share those that both hold.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.normalise import normalise

MOST_CHARACTERS = 12_000_000
"""Of the sample."""
LONGEST_TERM = 40
"""Characters; what is longer is no word: an encoded file, or a script without spaces."""
ENOUGH = 3
"""Common words that a document must have before its language is guessed."""
COMMON = {
    "english": "the and of to in is that it was for with his as be at",
    "german": "der die und das ist nicht ein ich mit sich auf den von zu dem",
    "french": "le les et des est dans que une pour pas qui du sur au ne",
    "spanish": "el los que y en las por una con del se es no lo su",
    "italian": "il di che per una non sono con del gli della è un si le",
    "portuguese": "o que não uma os com para em do da no as se mais por",
    "dutch": "de het een en van dat niet op te zijn met voor er ook aan",
    "polish": "i w na nie się z do to że jest jak po co ale za",
}
"""Language → the words that most of its texts hold."""
WORDS = {language: frozenset(words.split()) for language, words in COMMON.items()}
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Counted:
    """What was counted in a sample of documents."""

    documents: int
    terms: Counter[str]
    """Term → documents that hold it."""
    languages: Counter[str]
    """Language → documents."""


def count_words(documents: pa.Table) -> Counted:
    """Count the sample of a source; the table has `document_id`, `characters` and `text`."""
    sample = sampled(documents)
    terms: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for text in sample["text"].to_pylist():
        found = set(normalise(text))
        terms.update(found)
        languages[language(found)] += 1
    return Counted(sample.num_rows, terms, languages)


def sampled(documents: pa.Table) -> pa.Table:
    """The documents with the smallest ids, up to the most characters, but at least one."""
    order = pc.sort_indices(documents["document_id"])
    lengths = documents["characters"].take(order).to_numpy()
    count = int(np.searchsorted(np.cumsum(lengths), MOST_CHARACTERS, side="right"))
    return documents.take(order.slice(0, max(1, count)))


def language(words: set[str]) -> str:
    """The language of which most common words are there; the first named where two have as many."""
    best = max(WORDS, key=lambda name: len(words & WORDS[name]))
    return best if len(words & WORDS[best]) >= ENOUGH else UNKNOWN
