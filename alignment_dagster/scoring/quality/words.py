"""The words of a batch of texts as one array of numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """The words of all texts, text after text."""

    texts: int
    """How many texts there are."""
    distinct: pa.Array
    """Each different word of the batch once."""
    numbers: Integers
    """(words,) The place of each word in `distinct`."""
    document: Integers
    """(words,) The text that each word stands in."""
    ends: Integers
    """(texts,) Where the words of each text end."""
    offsets: Integers
    """(words + 1,) Characters of all words before each one, without the space between them."""

    @property
    def counts(self) -> Integers:
        """(texts,) Words of each text."""
        return np.diff(self.ends, prepend=0)

    @property
    def lengths(self) -> Integers:
        """(words,) Characters of each word."""
        return np.diff(self.offsets)

    def count(self, flags: Flags) -> Integers:
        """(texts,) Words of each text that are flagged; `flags` is one a distinct word."""
        return count_by_text(self.document[flags[self.numbers]], self.texts)


def as_array(texts: list[str]) -> pa.Array:
    """The texts, whatever their length: offsets of 64 bits."""
    return pa.array(texts, pa.large_string())


def split_words(texts: pa.Array) -> Words:
    """Split texts at white space."""
    # trimmed: at the ends of a text white space would separate a word from nothing
    trimmed = pc.utf8_trim_whitespace(texts)
    document, words = flatten(
        pc.utf8_split_whitespace(pc.if_else(pc.equal(trimmed, ""), None, trimmed))
    )
    encoded = pc.dictionary_encode(words)
    numbers = as_integers(encoded.indices)
    lengths = as_integers(pc.utf8_length(encoded.dictionary))
    return Words(
        texts=len(texts),
        distinct=encoded.dictionary,
        numbers=numbers,
        document=document,
        ends=np.cumsum(count_by_text(document, len(texts))),
        offsets=np.concatenate([[0], np.cumsum(lengths[numbers])]).astype(np.int64),
    )


def count_words(texts: pa.Array) -> Integers:
    """(texts,) What `split_words` would find in each."""
    trimmed = pc.utf8_trim_whitespace(texts)
    counts = as_integers(pc.list_value_length(pc.utf8_split_whitespace(trimmed)))
    return counts - as_flags(pc.equal(trimmed, ""))


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
