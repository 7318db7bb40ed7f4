"""N-grams of a text are its own: the same alone, in a batch, in capitals, in any language."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.scoring.classifiers import ngrams
from alignment_dagster.scoring.classifiers.ngrams import Ngrams, hash_texts

TEXTS = [
    "",
    "...",
    "a",
    "The cat sat on the mat.",
    "",
    "naïve café №7",
    "猫が座った",
    "a b c d e",
    " x",
]


def buckets(texts: Sequence[str], kind: Ngrams) -> list[list[NDArray[np.int32]]]:
    """Of each text the buckets of each of its layers."""
    found = []
    for layers in hash_texts(texts, kind):
        pieces = [np.split(one.buckets, np.cumsum(one.counts)[:-1]) for one in layers]
        found += [list(own) for own in zip(*pieces, strict=True)]
    return found


def test_a_text_has_the_same_ngrams_whatever_stands_beside_it() -> None:
    for kind in ngrams.HASHES:
        together = buckets(TEXTS * 3, kind)
        assert len(together) == 3 * len(TEXTS)
        for text, found in zip(TEXTS * 3, together, strict=True):
            (alone,) = buckets([text], kind)
            assert [one.tolist() for one in found] == [one.tolist() for one in alone], text


def test_texts_that_do_not_fit_together_are_hashed_one_run_after_the_other() -> None:
    long = "word " * (ngrams.CHUNK // 5)
    found = buckets([long, "word", long], "words")
    assert [len(one[0]) for one in found] == [ngrams.CHUNK // 5, 1, ngrams.CHUNK // 5]
    assert set(found[0][0]) == set(found[1][0])


def test_words_and_pairs_count_and_neither_case_nor_punctuation_does() -> None:
    (words, pairs), (again, _), (other, turned) = buckets(
        ["the cat sat", "The CAT -- sat!", "sat the cat"], "words"
    )
    assert len(words) == 3
    assert len(pairs) == 2
    assert words.tolist() == again.tolist()
    assert sorted(words) == sorted(other)
    assert sorted(pairs) != sorted(turned)


def test_ngrams_fall_evenly_into_the_buckets() -> None:
    found = buckets([" ".join(f"w{number}" for number in range(20_000))], "words")[0][0]
    # of so many thrown at random some fall together: by the birthday problem 3.7 %
    assert 0.955 < len(np.unique(found)) / 20_000 < 0.97


def test_runs_of_bytes_find_words_where_no_space_is() -> None:
    first, second = buckets(["彼は猫が好き", "その猫が座った"], "characters")
    assert set(first[1]) & set(second[1])
