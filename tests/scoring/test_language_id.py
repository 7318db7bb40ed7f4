"""A language is named where a text tells it, and nothing is guessed where it does not."""

from pathlib import Path

import pytest

from alignment_dagster.scoring import SCORERS, ScoringContext
from alignment_dagster.scoring.language_id import (
    LEAST_CONFIDENCE,
    UNDETERMINED,
    identify_language,
)

SENTENCES = {
    "en": "Ann went to the mill in the year 1820 and it was late.",
    "de": "Das ist der Tag, und ich bin nicht mit dem Zug von dort gekommen.",
    "fr": "Le chat est dans la maison et il ne veut pas sortir.",
    "es": "El perro está en la casa y no quiere salir.",
    "it": "Il gatto è nella casa e non vuole uscire perché piove.",
    "pt": "O cachorro está na casa e não quer sair porque está chovendo.",
    "nl": "De kat zit in het huis en wil niet naar buiten gaan.",
    "pl": "Kot jest w domu i nie chce wyjść na zewnątrz, bo pada deszcz.",
    "ru": "Привет, как дела? Сегодня хорошая погода, и мы идём гулять.",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_a_sentence_tells_its_language(code: str, text: str) -> None:
    assert identify_language(text) == code
    assert identify_language(f"{text} " * 50) == code


@pytest.mark.parametrize(
    "text", ["", " ", "no", "ok 5", "Bonjour", "🙂🙂", "12345 678", "x" * 5000]
)
def test_what_is_too_short_or_no_language_is_not_guessed(text: str) -> None:
    assert identify_language(text) == UNDETERMINED


def test_the_scorer_says_how_sure_it_is() -> None:
    score = SCORERS["language"].bind(ScoringContext(Path()))
    sure, short = score([SENTENCES["de"] * 30, "ok"]).to_pylist()
    assert sure["code"] == "de"
    assert 0.9 < sure["confidence"] <= 1
    assert short["code"] == UNDETERMINED
    assert 0 <= short["confidence"] < LEAST_CONFIDENCE


def test_of_a_long_text_all_parts_are_heard() -> None:
    english = "It was late, and nobody had seen the old man who lived in the house. " * 100
    assert identify_language(f"{SENTENCES['ru']}\n{english}") == "en"
    assert identify_language(f"{english[:100]}{SENTENCES['fr'] * 200}") == "fr"


def test_foreign_text_of_any_kind_is_read() -> None:
    for text in ("\x00\ud800", "\u202eabc", "a\n" * 100_000):
        assert isinstance(identify_language(text), str)
