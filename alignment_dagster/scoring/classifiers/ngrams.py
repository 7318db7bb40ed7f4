"""Hashed n-grams of texts, all of a batch at once.

scikit-learn's `HashingVectorizer` makes a Python string of every word and pair of words. Here the
words of a whole batch are hashed by a few passes of numpy over their bytes, six times as fast: see
bench/classifiers.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.study.classifiers import Ngrams

BITS = 18
BUCKETS = 1 << BITS
"""N-grams that fall into one bucket count as one. So many weights fit into a core's cache."""
CHUNK = 1 << 19
"""Bytes hashed at a time: what numpy makes of them stays in the cache too."""
WINDOWS = (4, 6)
"""Bytes of the character n-grams; a letter of a script without spaces has three."""
_FACTOR = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_LOW, _HIGH = np.uint64(32), np.uint64(64 - BITS)

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """The n-grams of one kind (words, pairs, …) of some texts, text after text."""

    buckets: NDArray[np.int32]
    counts: Places
    """How many each text has."""


def hash_texts(texts: Sequence[str], ngrams: Ngrams) -> Iterator[tuple[Layer, ...]]:
    """The layers of one run of texts after the other, all of them in the end.

    Case does not count, nor what stands between words. A text has the same n-grams whatever stands
    beside it.
    """
    for chunk in _chunks([text.lower().encode() for text in texts]):
        yield HASHES[ngrams](chunk)


def _chunks(texts: Sequence[bytes]) -> list[list[bytes]]:
    found: list[list[bytes]] = []
    room = 0
    for text in texts:
        if len(text) > room or not found:
            found.append([])
            room = CHUNK
        found[-1].append(text)
        room -= len(text)
    return found


def _hash_words(texts: Sequence[bytes]) -> tuple[Layer, ...]:
    """Each text's words, and its pairs of neighbours."""
    letters, first = _letters(texts)
    is_word = letters != 0
    # all begins and ends with a separator: edges come in pairs
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    begin, end = edges[0::2], edges[1::2]
    words = _hash_runs(letters, begin, end)
    places = np.append(np.searchsorted(begin, first), len(words))
    counts = np.diff(places)
    in_one_text = np.ones(max(0, len(words) - 1), bool)
    between = places[1:-1]
    in_one_text[between[(between > 0) & (between < len(words))] - 1] = False
    pairs = (words[:-1] * _PAIR + words[1:])[in_one_text]
    return Layer(_buckets(words), counts), Layer(_buckets(pairs), np.maximum(counts - 1, 0))


def _hash_windows(texts: Sequence[bytes]) -> tuple[Layer, ...]:
    """Each text's runs of bytes of either length."""
    letters, first = _letters(texts)
    lengths = np.array([len(text) for text in texts], np.int64)
    place = np.arange(len(letters))
    end = np.append(first + lengths, 0)[np.searchsorted(first, place, side="right") - 1]
    layers = []
    for window in WINDOWS:
        begin = place[(place + window <= end) & (place > 0)]
        hashes = _hash_runs(letters, begin, begin + window)
        layers.append(Layer(_buckets(hashes), np.maximum(lengths - window + 1, 0)))
    return tuple(layers)


HASHES: Mapping[Ngrams, Callable[[Sequence[bytes]], tuple[Layer, ...]]] = {
    "words": _hash_words,
    "characters": _hash_windows,
}


def _letters(texts: Sequence[bytes]) -> tuple[Hashes, Places]:
    """The texts' bytes, 0 for what is in no word, and where each text begins."""
    joined = b"\0" + b"\0".join(texts) + b"\0"
    sizes = np.array([len(text) + 1 for text in texts], np.int64)
    return _table()[np.frombuffer(joined, np.uint8)], 1 + np.cumsum(sizes) - sizes


def _hash_runs(letters: Hashes, begin: Places, end: Places) -> Hashes:
    """A polynomial of each run of bytes, modulo 2^64."""
    powers, inverses = _powers(len(letters))
    sums = np.zeros(len(letters) + 1, np.uint64)
    np.cumsum(letters * powers[: len(letters)], out=sums[1:])
    found: Hashes = (sums[end] - sums[begin]) * inverses[begin]
    return found


def _buckets(hashes: Hashes) -> NDArray[np.int32]:
    """The high bits of a mixed hash: those of a polynomial itself are uneven."""
    mixed = (hashes ^ (hashes >> _LOW)) * _MIX
    return (mixed >> _HIGH).astype(np.int32)


@cache
def _table() -> Hashes:
    """Byte → itself where it is part of a word (ASCII letters and digits, all beyond ASCII)."""
    codes = np.arange(256, dtype=np.uint64)
    parts = (codes >= 128) | np.array([chr(code).isalnum() for code in range(256)])
    return np.where(parts, codes, np.uint64(0))


def _powers(length: int) -> tuple[Hashes, Hashes]:
    """Powers of the factor and of its inverse, at least so many."""
    return _powers_of_size(max(16, (length - 1).bit_length()))


@cache
def _powers_of_size(bits: int) -> tuple[Hashes, Hashes]:
    found = []
    for base in (_FACTOR, pow(_FACTOR, -1, 1 << 64)):
        factors = np.full(1 << bits, base, np.uint64)
        factors[0] = 1
        found.append(np.cumprod(factors))
    return found[0], found[1]
