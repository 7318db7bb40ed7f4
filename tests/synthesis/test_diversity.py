"""The measures of variety have the values that their definitions give."""

import math

import pytest

from alignment_dagster.synthesis.diversity import (
    compression_ratio,
    distinct,
    measure_diversity,
    self_bleu,
)
from tests.support.written import grammar_texts


def words(*texts: str) -> list[list[str]]:
    return [text.split() for text in texts]


def test_distinct_n_is_the_share_of_n_grams_that_are_different() -> None:
    texts = words("a b a b", "a b c")
    assert distinct(texts, 1) == 3 / 7
    assert distinct(texts, 2) == 3 / 5
    assert distinct(texts, 3) == 3 / 3
    assert distinct(words("a"), 2) == 0.0


def test_self_bleu_is_what_a_calculation_by_hand_gives() -> None:
    """`a b c d e` against `a b c d x`, and the other way round: precisions 4/5, 3/4, 2/3, 1/2."""
    by_hand = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    assert self_bleu(words("a b c d e", "a b c d x")) == pytest.approx(by_hand)
    # a shorter one pays for its brevity, a longer one in its precisions: 4/5, 3/4, 2/3, 1/2
    shorter = math.exp(1 - 5 / 4)
    longer = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    assert self_bleu(words("a b c d", "a b c d e")) == pytest.approx((shorter + longer) / 2)


def test_self_bleu_clips_by_the_other_text_that_has_a_phrase_most_often() -> None:
    """Of `a a a` the first `a` twice at most in another one: 2/3; pairs 1/2, then none of 1."""
    texts = words("a a a", "a a b", "a b b")
    first = (2 / 3 * 1 / 2 * 0.1 / 1 * 0.1 / 1) ** (1 / 4)
    second = (3 / 3 * 2 / 2 * 0.1 / 1 * 0.1 / 1) ** (1 / 4)
    third = (2 / 3 * 1 / 2 * 0.1 / 1 * 0.1 / 1) ** (1 / 4)
    assert self_bleu(texts) == pytest.approx((first + second + third) / 3)


def test_self_bleu_is_that_of_nltk_where_it_is_installed() -> None:
    scores = pytest.importorskip("nltk.translate.bleu_score")
    smooth = scores.SmoothingFunction().method1
    texts = words(*grammar_texts("aligned", 20), "a b c", "a b a b c")
    theirs = [
        scores.sentence_bleu(texts[:at] + texts[at + 1 :], text, smoothing_function=smooth)
        for at, text in enumerate(texts)
    ]
    assert self_bleu(texts) == pytest.approx(sum(theirs) / len(theirs))


def test_equal_texts_are_alike_and_compress_and_different_ones_do_not() -> None:
    same, other = ["the same text again"] * 50, list(grammar_texts("aligned", 50))
    assert self_bleu([text.split() for text in same]) == pytest.approx(1.0)
    assert compression_ratio(same) > 3 * compression_ratio(other)
    assert compression_ratio([]) == 1.0


def test_what_has_no_texts_or_words_is_not_measured() -> None:
    assert measure_diversity([]) is None
    found = measure_diversity(["!!!", ""])
    assert found is not None
    assert (found.words, found.distinct, found.self_bleu) == (0.0, (0.0, 0.0, 0.0), None)
