"""How much of a text is said again and again: the most frequent n-gram, and repeated ones.

Source: Rae et al., Scaling Language Models (Gopher), arXiv 2112.11446, appendix A.1.1, table A1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alignment_dagster.scoring.quality.words import Integers, Words, count_by_text

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
        _, first, times = np.unique(groups, return_index=True, return_counts=True)
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
    changes = np.flatnonzero(np.diff(key[order])) + 1
    group = np.zeros(len(key), dtype=np.int64)
    group[changes] = 1
    group = np.cumsum(group)
    again = count_by_text(group, 0)[group] > 1
    places, groups = order[again], group[again]
    in_text = np.argsort(places)
    _, dense = np.unique(groups[in_text], return_inverse=True)
    return starts[places[in_text]], dense.astype(np.int64)


def _characters(words: Words, starts: Integers, n: int) -> Integers:
    found: Integers = words.offsets[starts + n] - words.offsets[starts]
    return found
