"""How much of a text is said again and again: the most frequent n-gram, and repeated ones.

Source: Rae et al., Scaling Language Models (Gopher), arXiv 2112.11446, appendix A.1.1, table A1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alignment_dagster.scoring.quality.words import Integers, Words

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
    """(places,) The same number for the same n-gram of the same text, from 0."""


def characters_in_top(words: Words, repeated: Repeated) -> Integers:
    """(texts,) Characters of the most frequent n-gram, spaces included, times how often it comes.

    Of several that come as often, the first; a text in which none comes twice has its first one.
    """
    n, starts, groups = repeated.n, repeated.starts, repeated.groups
    begin = words.ends - words.counts
    found = np.zeros(words.texts, dtype=np.int64)
    has_any = words.counts >= n
    found[has_any] = _characters(words, begin[has_any], n) + n - 1
    if len(starts):
        times = np.bincount(groups)
        first = np.empty_like(times)
        first[groups[::-1]] = np.arange(len(groups))[::-1]
        document = words.document[starts[first]]
        order = np.lexsort((first, -times, document))
        texts, best = np.unique(document[order], return_index=True)
        place = order[best]
        found[texts] = (_characters(words, starts[first[place]], n) + n - 1) * times[place]
    return found


def characters_in_duplicates(words: Words, repeated: Repeated) -> Integers:
    """(texts,) Characters, without spaces, of all n-grams that the text has had before.

    Read from the left: no word is counted twice, and what is counted begins no other n-gram.
    """
    n, seen, free = repeated.n, set(), 0
    counted: list[int] = []
    for start, group in zip(repeated.starts.tolist(), repeated.groups.tolist(), strict=True):
        if start < free:
            continue
        if group in seen:
            counted.append(start)
            free = start + n
        else:
            seen.add(group)
    places = np.array(counted, dtype=np.int64)
    return np.bincount(
        words.document[places], weights=_characters(words, places, n), minlength=words.texts
    ).astype(np.int64)


def repeated_n_grams(words: Words) -> Iterator[Repeated]:
    """Those of 2, 3, … words; an n-gram comes again only where its first n - 1 words do."""
    distinct = max(1, len(words.distinct))
    starts = np.arange(len(words.numbers), dtype=np.int64)
    groups = words.document * distinct + words.numbers
    for n in range(2, DUPLICATE[-1] + 1):
        whole = starts + n <= words.ends[words.document[starts]]
        starts, groups = starts[whole], groups[whole]
        # exact: a text, a shorter n-gram and a word have one number of 63 bits together
        key = groups * distinct + words.numbers[starts + n - 1]
        starts, groups = _more_than_once(starts, key)
        yield Repeated(n, starts, groups)


def _more_than_once(starts: Integers, key: Integers) -> tuple[Integers, Integers]:
    order = np.argsort(key)
    ordered = key[order]
    like_next = np.concatenate([ordered[1:] == ordered[:-1], [False]])[: len(key)]
    like_last = np.concatenate([[False], like_next[:-1]])[: len(key)]
    again = like_next | like_last
    places, groups = order[again], np.cumsum(~like_last[again]) - 1
    in_text = np.argsort(places)
    return starts[places[in_text]], groups[in_text]


def _characters(words: Words, starts: Integers, n: int) -> Integers:
    found: Integers = words.offsets[starts + n] - words.offsets[starts]
    return found
