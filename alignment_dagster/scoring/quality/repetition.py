"""How much of a text is said again and again: the most frequent n-gram, and repeated ones.

Source: Rae et al., Scaling Language Models (Gopher), arXiv 2112.11446, appendix A.1.1, table A1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alignment_dagster.scoring.quality.utf8 import Integers
from alignment_dagster.scoring.quality.words import Words, sum_by_text

TOP = (2, 3, 4)
"""Words of the n-grams of which the most frequent one is looked for."""
DUPLICATE = (5, 6, 7, 8, 9, 10)
"""Words of the n-grams of which all that come again are counted."""


@dataclass(frozen=True)
class Repeated:
    """The n-grams of one length that come more than once in their text."""

    n: int
    starts: Integers
    """(places,) The word that each begins with, in the order of the texts."""
    groups: Integers
    """(places,) The same number for the same n-gram of the same text, from 0, text after text."""


def characters_in_top(words: Words, repeated: Repeated) -> Integers:
    """(texts,) Characters of the most frequent n-gram, spaces included, times how often it comes.

    Of several that come as often, the first; a text in which none comes twice has its first one.
    """
    n, starts, groups = repeated.n, repeated.starts, repeated.groups
    found = np.zeros(words.texts, dtype=np.int64)
    has_any = words.counts >= n
    found[has_any] = words.lengths(words.bounds[:-1][has_any], n) + n - 1
    if len(starts):
        times = np.bincount(groups)
        first = np.empty_like(times)
        first[groups[::-1]] = np.arange(len(groups))[::-1]
        document = words.document[starts[first]]
        texts = np.flatnonzero(np.diff(document, prepend=-1))
        # one number for both: how often it comes, and how early
        best = np.maximum.reduceat((times + 1) * len(starts) - 1 - first, texts)
        times, early = np.divmod(best, len(starts))
        place = starts[len(starts) - 1 - early]
        found[document[texts]] = (words.lengths(place, n) + n - 1) * times
    return found


def characters_in_duplicates(words: Words, repeated: Repeated) -> Integers:
    """(texts,) Characters, without spaces, of all n-grams that the text has had before.

    Read from the left: no word is counted twice, and what is counted begins no other n-gram.
    """
    n, groups = repeated.n, repeated.groups.tolist()
    behind = np.searchsorted(repeated.starts, repeated.starts + n).tolist()
    seen, place = bytearray(len(groups)), 0
    counted: list[int] = []
    while place < len(groups):
        group = groups[place]
        if seen[group]:
            counted.append(place)
            place = behind[place]
        else:
            seen[group] = 1
            place += 1
    starts = repeated.starts[np.array(counted, dtype=np.int64)]
    return sum_by_text(words.document[starts], words.lengths(starts, n), words.texts)


def repeated_n_grams(words: Words) -> Iterator[Repeated]:
    """Those of 2, 3, … words; an n-gram comes again only where its first n - 1 words do."""
    # exact: a text, a shorter n-gram and a word have one number of 63 bits together
    key = (words.document * words.distinct + words.numbers) * words.distinct
    key[:-1] += words.numbers[1:]
    last = words.bounds[1:][words.counts > 0] - 1
    key[last] = -1 - last
    starts, groups = _more_than_once(np.arange(len(key)), key)
    yield Repeated(2, starts, groups)
    for n in range(3, DUPLICATE[-1] + 1):
        whole = starts + n <= words.bounds[1:][words.document[starts]]
        starts, groups = starts[whole], groups[whole]
        key = groups * words.distinct + words.numbers[starts + n - 1]
        starts, groups = _more_than_once(starts, key)
        yield Repeated(n, starts, groups)


def _more_than_once(starts: Integers, key: Integers) -> tuple[Integers, Integers]:
    order, ordered = _sorted(key)
    like_last = np.zeros(len(key), dtype=np.bool_)
    like_last[1:] = ordered[1:] == ordered[:-1]
    again = like_last.copy()
    again[:-1] |= like_last[1:]
    places, groups = order[again], np.cumsum(~like_last[again]) - 1
    in_text = np.argsort(places)
    return starts[places[in_text]], groups[in_text]


def _sorted(key: Integers) -> tuple[Integers, Integers]:
    """The places of the keys in ascending order, and the keys in it."""
    bits = len(key).bit_length()
    if not len(key) or int(key.max()) >> (63 - bits):
        order = np.argsort(key)
        return order, key[order]
    # a key and its place as one number: to sort these is faster than to look keys up
    both = np.sort(key << bits | np.arange(len(key)))
    return both & ((1 << bits) - 1), both >> bits
