"""`language`: which language a text is written in, and how sure that is.

py3langid: naive Bayes over byte n-grams, 139 languages, with its model in the package. Source: Lui
and Baldwin, langid.py: An Off-the-shelf Language Identification Tool (ACL 2012).
"""

from functools import cache

import pyarrow as pa
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from alignment_dagster.scoring.normalise import limit_marks
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs

UNDETERMINED = "und"
"""ISO 639's code for a language that is not known."""
LEAST_CONFIDENCE = 0.5
"""Probability of the likeliest language below which it is not named: the others are likelier."""
PIECES, PIECE = 4, 256
"""Of a long text so many pieces of so many characters are read, from its beginning to its end: more
would hardly change the answer, and take longer than all other scorers together."""
DECIMALS = 4
"""Of a confidence: what follows differs between processors."""

COLUMNS = {"code": pa.string(), "confidence": pa.float64()}


@cache
def _identifier() -> LanguageIdentifier:
    # loaded with the first text: half a second and 100 MB
    return LanguageIdentifier.from_model_file(
        MODEL_FILE, norm_probs=True, min_confidence=LEAST_CONFIDENCE
    )


def identify_language(text: str) -> str:
    """ISO 639 code of the text's language; `zxx` where it holds no language (code, tables).

    `UNDETERMINED` where the text is too short or too mixed to tell; nothing is guessed.
    """
    return _classify(text)[0]


def _classify(text: str) -> tuple[str, float]:
    # the marks of each letter are put in order, in the square of their number
    code, confidence = _identifier().classify(limit_marks(_sample(text)))
    return str(code), round(float(confidence), DECIMALS)


def _sample(text: str) -> str:
    if len(text) <= PIECES * PIECE:
        return text
    step = (len(text) - PIECE) / (PIECES - 1)
    starts = [round(number * step) for number in range(PIECES)]
    return "\n".join(text[start : start + PIECE] for start in starts)


def _bind(_context: ScoringContext) -> ScoreBatch:
    """`confidence` is the probability of the likeliest language, also where it is not named."""
    schema = pa.schema(list(COLUMNS.items()))
    return lambda texts: (
        pa.Table.from_arrays(
            [pa.array(column) for column in zip(*map(_classify, texts), strict=True)], schema=schema
        )
        if texts
        else schema.empty_table()
    )


SCORER = Scorer("language", "1", COLUMNS, _bind, no_inputs)
