"""How many letters of each script a column of texts holds, counted on its UTF-8 bytes.

A script is named by the first word of its letters' Unicode names: LATIN, CYRILLIC, CJK.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
BLOCK = 1 << 22
"""Bytes looked at a time."""
FIRST_OF_TWO = 0xC2
"""Smallest byte that begins a character of several bytes."""
BEGINS = ((0xE0, 0x1F), (0xF0, 0x0F), (0xF8, 0x07))
"""First bytes of two, three and four lie below the first number; the second masks their bits."""


def count_scripts(texts: pa.ChunkedArray) -> Counter[str]:
    """Script → letters."""
    points: Counter[int] = Counter()
    for chunk in texts.chunks:
        for found, counts in _code_points(_utf8(chunk)):
            points.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    scripts: Counter[str] = Counter()
    for point, times in points.items():
        if times and (name := script(chr(point))):
            scripts[name] += times
    return scripts


def script(letter: str) -> str | None:
    """The script of a letter; None for everything else."""
    if not unicodedata.category(letter).startswith("L"):
        return None
    return unicodedata.name(letter, "UNNAMED").partition(" ")[0].partition("-")[0]


def _utf8(chunk: pa.Array) -> Bytes:
    """The bytes of all texts of a chunk, end to end."""
    texts = chunk.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    if data is None:
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]


def _code_points(data: Bytes) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Distinct code points with how often they come, block by block."""
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        yield np.arange(128), np.bincount(block, minlength=256)[:128]
        first = start + np.flatnonzero(block >= FIRST_OF_TWO)
        yield np.unique(_decoded(data, first), return_counts=True)


def _decoded(data: Bytes, first: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The code points of the characters of several bytes that begin at these places.

    Arrow's texts are valid UTF-8, so that no character is cut off.
    """
    begin = data[first].astype(np.int64)
    points = np.zeros(len(first), np.int64)
    for length, (below, bits) in enumerate(BEGINS, 2):
        own = (begin < below) & (points == 0)
        value = begin[own] & bits
        for place in range(1, length):
            value = (value << 6) | (data[first[own] + place] & 0x3F)
        points[own] = value
    return points
