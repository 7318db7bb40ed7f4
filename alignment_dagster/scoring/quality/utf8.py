"""The bytes of a batch of texts, and where characters stand in them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

BREAK = pa.scalar("\n", pa.large_string())
NOTHING = pa.scalar("", pa.large_string())
TAIL = np.full(8, ord("\n"), dtype=np.uint8)
"""Eight bytes can be read from any character on."""
KEPT = 64 << 20
"""Bytes of one batch's arrays that the next batch takes again."""


@dataclass(frozen=True)
class Utf8:
    """Texts in UTF-8, one after the other, a line feed before each and behind the last."""

    data: Bytes
    """(bytes,)"""
    bounds: Integers
    """(texts + 1,) The line feed before each text, and the one behind the last."""

    def count(self, places: Integers) -> Integers:
        """(texts,) How many of some places, which ascend, are in each text."""
        before, behind = self.bounds[:-1] + 1, self.bounds[1:]
        return np.searchsorted(places, behind) - np.searchsorted(places, before)

    def newlines(self) -> Integers:
        """(places,) The line feeds of the texts."""
        feeds = self.data[: self.bounds[-1]] == ord("\n")
        feeds[self.bounds[:-1]] = False
        return np.flatnonzero(feeds)

    def widths(self, places: Integers) -> Integers:
        """(places,) Bytes of the characters of at most three bytes at some places."""
        first = self.data[places]
        return 1 + (first >= 0xC2).astype(np.int64) + (first >= 0xE0)

    def cut(self, edges: Integers) -> pa.Array:
        """(edges - 1,) What stands between some places, which ascend."""
        buffers = pa.py_buffer(np.ascontiguousarray(edges)), pa.py_buffer(self.data)
        return pa.LargeStringArray.from_buffers(max(0, len(edges) - 1), *buffers)

    def find(self, characters: str) -> Integers:
        """(places,) Where any of these stands: none is a printed one of ASCII's, or above U+FFFF.

        Few bytes are control characters or begin a character beyond ASCII: these are looked at.
        """
        wanted = np.zeros(max(map(ord, characters)) + 2, dtype=np.bool_)
        wanted[[ord(one) for one in characters]] = True
        low = np.flatnonzero(self.data < ord(" "))
        # first bytes of characters of two and of three bytes
        high = np.flatnonzero(self.data >= 0xC2)
        high = high[self.data[high] < 0xF0]
        first, second, third = (self.data[high + n].astype(np.int64) for n in range(3))
        point = np.where(
            first < 0xE0,
            (first & 0x1F) << 6 | second & 0x3F,
            (first & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F,
        )
        beyond = wanted[np.minimum(point, len(wanted) - 1)]
        return np.concatenate([low[wanted[self.data[low]]], high[beyond]])


def windows(data: Bytes) -> npt.NDArray[np.uint64]:
    """(bytes - 7,) The eight bytes from each one on, the first one lowest; a view."""
    return np.ndarray(len(data) - 7, np.dtype("<u8"), data, strides=(1,))


def runs(places: Integers) -> tuple[Integers, Integers]:
    """Where ascending places that follow on each other begin and end."""
    begins, ends = np.diff(places, prepend=-2) > 1, np.diff(places, append=places[-1:] + 2) > 1
    return places[begins], places[ends] + 1


def as_utf8(texts: pa.Array) -> Utf8:
    """Of an array of large strings, none of which is missing."""
    _, offsets, data = pc.binary_join_element_wise(NOTHING, texts, BREAK).buffers()
    joined = np.frombuffer(data or b"", np.uint8)
    bounds = np.frombuffer(offsets, np.int64)[: len(texts) + 1]
    return Utf8(np.concatenate([joined[: bounds[-1]], TAIL]), bounds)
