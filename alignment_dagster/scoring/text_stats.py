"""`text_stats`: how long a text is, and whether it looks like text at all."""

import pyarrow as pa

from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs

COLUMNS = {
    "characters": pa.int64(),
    "words": pa.int64(),
    "mean_word_length": pa.float64(),
    "printable_share": pa.float64(),
}


def _bind(_context: ScoringContext) -> ScoreBatch:
    schema = pa.schema(list(COLUMNS.items()))
    return lambda texts: pa.Table.from_pylist([_statistics(text) for text in texts], schema=schema)


def _statistics(text: str) -> dict[str, float]:
    """Words are what white space separates; white space counts as printable.

    A text without words has the mean word length 0, an empty text the printable share 1.
    """
    words = text.split()
    joined = "".join(words)
    # One call in C answers for nearly every text; only the others are counted.
    unprintable = 0 if joined.isprintable() else sum(not one.isprintable() for one in joined)
    return {
        "characters": len(text),
        "words": len(words),
        "mean_word_length": len(joined) / len(words) if words else 0.0,
        "printable_share": 1.0 - unprintable / len(text) if text else 1.0,
    }


SCORER = Scorer("text_stats", "1", COLUMNS, _bind, no_inputs)
