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
    return _score


def _score(texts: list[str]) -> pa.Table:
    rows = [_statistics(text) for text in texts]
    return pa.Table.from_pylist(rows, schema=pa.schema(list(COLUMNS.items())))


def _statistics(text: str) -> dict[str, float]:
    """Words are what white space separates; white space counts as printable.

    A text without words has the mean word length 0, an empty text the printable share 1.
    """
    words = text.split()
    joined = "".join(words)
    return {
        "characters": len(text),
        "words": len(words),
        "mean_word_length": len(joined) / len(words) if words else 0.0,
        "printable_share": 1.0 - _unprintable(joined) / len(text) if text else 1.0,
    }


def _unprintable(text: str) -> int:
    # One call in C answers for nearly every text; only the others are counted.
    return 0 if text.isprintable() else sum(not character.isprintable() for character in text)


SCORER = Scorer("text_stats", COLUMNS, _bind, no_inputs)
