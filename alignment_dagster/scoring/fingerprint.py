"""`fingerprint`: two texts with the same words in the same order are exact duplicates."""

import pyarrow as pa

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.scoring.normalise import normalise
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs


def fingerprint(text: str) -> str:
    """Hex SHA-256 of the normalised words.

    Texts without any word (only punctuation, say) are compared as they are, so that they are not
    all duplicates of each other.
    """
    words = normalise(text)
    return sha256_text(" ".join(words)) if words else sha256_text("", text)


def _bind(_context: ScoringContext) -> ScoreBatch:
    return lambda texts: pa.table({"fingerprint": [fingerprint(text) for text in texts]})


SCORER = Scorer("fingerprint", "2", {"fingerprint": pa.string()}, _bind, no_inputs)
