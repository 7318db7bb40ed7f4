"""The words of a batch of texts as one array of numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.quality.utf8 import Flags, Integers, Utf8, windows

WHITE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""White space, as Python's `str.isspace` says."""
OTHER_WHITE = WHITE.replace(" ", "")
EIGHT = 8
"""Bytes of a word that are one number."""
SHIFTS = np.arange(64, -1, -8, dtype=np.uint64)
"""(9,) Bits that a word of so many bytes lacks."""
LAST_INNER = -65
"""0xBF as a signed byte: those up to it begin no character."""

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """The words of all texts, text after text."""

    pieces: pa.Array
    """The words and what stands between them, in turn."""
    eights: npt.NDArray[np.uint64]
    """(words,) The first eight bytes of each as one number: `as_eight`."""
    numbers: Integers
    """(words,) The same for the same word, from 0."""
    distinct: int
    """Above all numbers."""
    document: Integers
    """(words,) The text that each word stands in."""
    bounds: Integers
    """(texts + 1,) The words before each text, and all words."""
    offsets: Integers
    """(words + 1,) Characters of all words before each one, without the space between them."""

    @property
    def texts(self) -> int:
        """How many texts there are."""
        return len(self.bounds) - 1

    @property
    def counts(self) -> Integers:
        """(texts,) Words of each text."""
        return np.diff(self.bounds)

    @property
    def characters(self) -> Integers:
        """(texts,) Characters of each text's words."""
        return np.diff(self.offsets[self.bounds])

    def count(self, places: Integers) -> Integers:
        """(texts,) How many of the words at some places stand in each text."""
        return count_by_text(self.document[places], self.texts)

    def lengths(self, places: Integers, n: int = 1) -> Integers:
        """(places,) Characters of the n words from each of some places on."""
        return self.offsets[places + n] - self.offsets[places]

    def take(self, places: Integers) -> pa.Array:
        """What the words at some places say."""
        return self.pieces.take(pa.array(places * 2))


def as_array(texts: list[str]) -> pa.Array:
    """The texts, whatever their length: offsets of 64 bits."""
    return pa.array(texts, pa.large_string())


def as_eight(word: str) -> int:
    """A word of at most eight bytes as a number: its last byte is the highest."""
    return int.from_bytes(word.encode().rjust(EIGHT, b"\0"), "little")


def split_words(texts: Utf8) -> Words:
    """Split texts at white space."""
    black = _black(texts)
    edges = np.flatnonzero(black[1:] != black[:-1]) + 1
    starts, sizes = edges[::2], edges[1::2] - edges[::2]
    pieces = texts.cut(edges)
    eights = _eights(texts, starts, sizes)
    encoded = pc.dictionary_encode(pa.array(eights))
    numbers = as_integers(encoded.indices)
    long = np.flatnonzero(sizes > EIGHT)
    of_long = pc.dictionary_encode(pieces.take(pa.array(long * 2)))
    numbers[long] = as_integers(of_long.indices) + len(encoded.dictionary)
    counts = texts.count(starts)
    inner = np.flatnonzero(texts.data.view(np.int8) <= LAST_INNER)
    word = np.searchsorted(starts, inner[black[inner]], "right") - 1
    lengths = sizes - np.bincount(word, minlength=len(sizes))
    return Words(
        pieces=pieces,
        eights=eights,
        numbers=numbers,
        distinct=len(encoded.dictionary) + len(of_long.dictionary),
        document=np.repeat(np.arange(len(counts)), counts),
        bounds=np.concatenate([[0], np.cumsum(counts)]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
    )


def _eights(texts: Utf8, starts: Integers, sizes: Integers) -> npt.NDArray[np.uint64]:
    """(words,) Another number for each other word of at most eight bytes."""
    data = texts.data
    if not data.all():
        # a zero byte would not be told from none; this one stands in no text
        data = np.where(data == 0, np.uint8(0xFF), data)
    eights: npt.NDArray[np.uint64] = windows(data)[starts] << SHIFTS[np.minimum(sizes, EIGHT)]
    return eights


def count_words(texts: Utf8) -> Integers:
    """(texts,) What `split_words` would find in each."""
    black = _black(texts)
    return texts.count(np.flatnonzero(black[1:] > black[:-1]) + 1)


def _black(texts: Utf8) -> Flags:
    """(bytes,) What is no white space."""
    black: Flags = texts.data != ord(" ")
    white = texts.find(OTHER_WHITE)
    widths = texts.widths(white)
    for n in range(3):
        black[white[widths > n] + n] = False
    return black


def flatten(lists: pa.Array) -> tuple[Integers, pa.Array]:
    """The values of a list for each text (of none where it is null), and each one's text."""
    sizes = as_integers(pc.list_value_length(lists).fill_null(0))
    return np.repeat(np.arange(len(lists), dtype=np.int64), sizes), lists.flatten()


def as_flags(values: pa.Array) -> Flags:
    """Yes or no for each, none of which is missing."""
    found: Flags = values.to_numpy(zero_copy_only=False)
    return found


def as_integers(values: pa.Array) -> Integers:
    """A number for each, none of which is missing."""
    found: Integers = values.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def count_by_text(document: Integers, texts: int) -> Integers:
    """(texts,) How many of the things that stand in these texts stand in each."""
    return np.bincount(document, minlength=texts).astype(np.int64)


def sum_by_text(document: Integers, values: Integers, texts: int) -> Integers:
    """(texts,) The sum of the values that stand in each text; exact below 2**53."""
    return np.bincount(document, weights=values, minlength=texts).astype(np.int64)


def share(part: Integers, whole: Integers) -> Shares:
    """Part of whole; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
