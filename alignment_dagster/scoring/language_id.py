"""Which language a text is written in.

py3langid: naive Bayes over byte n-grams, 139 languages, with its model in the package. Source: Lui
and Baldwin, langid.py: An Off-the-shelf Language Identification Tool (ACL 2012).
"""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from alignment_dagster.scoring.normalise import limit_marks

UNDETERMINED = "und"
"""ISO 639's code for a language that is not known."""
LEAST_CONFIDENCE = 0.5
"""Probability of the likeliest language below which it is not named: the others are likelier."""


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
    # which puts the marks of each letter in order, in the square of their number
    code, _confidence = _identifier().classify(limit_marks(text))
    return str(code)
