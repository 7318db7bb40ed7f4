"""Shingles: the word n-grams of a text, as sorted sets of 64-bit hashes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.normalise import spaced_words

VERSION = "1"
"""Raised when the same text gives other shingles."""
HASH_BYTES = 8
MIX = np.uint64(0x9E3779B97F4A7C15)

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Shingles:
    """The shingles of a batch of texts.

    `values[offsets[i]:offsets[i + 1]]` are those of text `i`, ascending, each once; none where it
    has no word.
    """

    values: Hashes
    offsets: npt.NDArray[np.int64]
    fingerprints: list[bytes]
    """SHA-256 of the normalised words of each text: 32 bytes."""


def shingle(texts: Sequence[str], size: int) -> Shingles:
    """The sets of `size` words in a row; a text with fewer words is one shingle.

    The hashes are the same in every process and on every machine.
    """
    spaced = pa.array(map(spaced_words, texts), pa.large_string())
    lists = pc.ascii_split_whitespace(pc.ascii_trim_whitespace(spaced))
    joined = pc.binary_join(lists, pa.scalar(" ", pa.large_string())).to_pylist()
    fingerprints = [hashlib.sha256(text.encode()).digest() for text in joined]
    hashes = _hash_words(lists.values)
    bounds = lists.offsets.to_numpy()
    sets = [
        _set_of(hashes[start:end], size) if text else hashes[:0]
        for text, start, end in zip(joined, bounds[:-1], bounds[1:], strict=True)
    ]
    offsets = np.zeros(len(sets) + 1, np.int64)
    np.cumsum([len(one) for one in sets], out=offsets[1:])
    return Shingles(np.concatenate([hashes[:0], *sets]), offsets, fingerprints)


def _hash_words(words: pa.Array) -> Hashes:
    encoded = words.dictionary_encode()
    digests = b"".join(map(_digest, encoded.dictionary.to_pylist()))
    hashes: Hashes = np.frombuffer(digests, "<u8")[encoded.indices.to_numpy()]
    return hashes


@lru_cache(maxsize=1 << 18)
def _digest(word: str) -> bytes:
    return hashlib.blake2b(word.encode(), digest_size=HASH_BYTES).digest()


def _set_of(words: Hashes, size: int) -> Hashes:
    count = max(1, len(words) - size + 1)
    hashes = np.zeros(count, np.uint64)
    for place in range(min(size, len(words))):
        # order counts: every word is mixed in after all before it were
        hashes ^= words[place : place + count]
        hashes *= MIX
        hashes ^= hashes >> np.uint64(29)
    hashes.sort()
    distinct = np.ones(count, bool)
    np.not_equal(hashes[1:], hashes[:-1], out=distinct[1:])
    return hashes if distinct.all() else hashes[distinct]
