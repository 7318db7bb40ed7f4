"""The words of a batch of texts as one array of numbers."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

WHITE = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""A character class: white space, as Python's `str.isspace` says."""
OTHER_WHITE = WHITE.replace("\t-\r", "").replace("\x1c- ", "\x1c-\x1f")
"""Of it what is no white space of ASCII's for Arrow."""

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]
Values = Integers | Flags


@dataclass(frozen=True)
class Words:
    """The words of all texts, text after text."""

    texts: int
    """How many texts there are."""
    distinct: pa.Array
    """Each different word of the batch once."""
    numbers: Integers
    """(words,) The place of each word in `distinct`."""
    lengths: Integers
    """(distinct,) Characters of each."""
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

    def sum(self, values: Values) -> Integers:
        """(texts,) The sum over each text's words of `values`, which are one a distinct word."""
        before = np.concatenate([[0], np.cumsum(values[self.numbers], dtype=np.int64)])
        return np.diff(before[self.ends], prepend=0)


def as_array(texts: list[str]) -> pa.Array:
    """The texts, whatever their length: offsets of 64 bits."""
    return pa.array(texts, pa.large_string())


def split_words(texts: pa.Array) -> Words:
    """Split texts at white space."""
    # trimmed: at the ends of a text white space would separate a word from nothing
    trimmed = pc.ascii_trim_whitespace(_with_blanks(texts))
    lists = pc.ascii_split_whitespace(pc.if_else(pc.equal(trimmed, ""), None, trimmed))
    document, words = flatten(lists)
    encoded = pc.dictionary_encode(words)
    numbers = as_integers(encoded.indices)
    lengths = as_integers(pc.utf8_length(encoded.dictionary))
    return Words(
        texts=len(texts),
        distinct=encoded.dictionary,
        numbers=numbers,
        lengths=lengths,
        document=document,
        ends=np.cumsum(count_by_text(document, len(texts))),
        offsets=np.concatenate([[0], np.cumsum(lengths[numbers])]),
    )


def count_words(texts: pa.Array) -> Integers:
    """(texts,) What `split_words` would find in each."""
    data, bounds = _bytes(_with_blanks(texts))
    black = (data != ord(" ")) & (data - np.uint8(ord("\t")) > ord("\r") - ord("\t"))
    begins = black.copy()
    begins[1:] &= ~black[:-1]
    first = bounds[:-1][bounds[:-1] < len(data)]
    begins[first] = black[first]
    return np.diff(np.searchsorted(np.flatnonzero(begins), bounds))


def has_any(texts: pa.Array, characters: str) -> bool:
    """Whether one of a class of characters, no printed ones of ASCII's, stands in a text."""
    data, _ = _bytes(texts)
    # few texts have such bytes, or any beyond ASCII: the others are not searched
    controls = (code for code in range(ord(" ")) if re.match(f"[{characters}]", chr(code)))
    some = any((data == np.uint8(code)).any() for code in controls)
    asked = texts if some else texts.filter(pc.invert(pc.string_is_ascii(texts)))
    return bool(pc.any(pc.match_substring_regex(asked, f"[{characters}]")).as_py())


def _with_blanks(texts: pa.Array) -> pa.Array:
    """Blanks for all white space that is none of ASCII's: what splits at that is fast."""
    if has_any(texts, OTHER_WHITE):
        return pc.replace_substring_regex(texts, f"[{OTHER_WHITE}]", " ")
    return texts


def _bytes(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Integers]:
    """(bytes,) All texts in UTF-8, and (texts + 1,) where each begins and the last ends."""
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


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
