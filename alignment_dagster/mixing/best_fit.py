"""Best-fit packing: documents stay whole where they fit (Ding et al. 2024, arXiv 2404.10830).

A document that is longer than a sequence is cut into whole sequences and a rest. The longest pieces
are placed first, each where it leaves the least room. Unlike in the paper nothing is padded: there
are as many sequences as the tokens fill, and what fits nowhere is cut to fill what room is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.mixing.kept_documents import Numbers

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """Parts of copies, as they lie in sequences [pieces]; in order of sequence and start."""

    copy: Rows
    begin: Rows
    """Where in the copy the piece begins."""
    size: Rows
    sequence: Rows
    start: Rows
    """Where in the sequence."""


def lay_out(sizes: Numbers, length: int, seed: int | None = None) -> Pieces:
    """Fill sequences of `length` tokens with copies of these sizes, which fill them exactly.

    Args:
        seed: of an order of the sequences in which any part of them is like the whole; where none
            is given those with the longest pieces come first.
    """
    copies, begins, rests = _cut_long(sizes.astype(np.int64), length)
    # Equal sizes stay in the order in which they were drawn.
    order = np.argsort(-rests, kind="stable")
    copies, begins, rests = copies[order], begins[order], rests[order]
    placed, room = _place(rests, length, int(sizes.sum()) // length)
    whole = np.flatnonzero(placed >= 0)
    left = np.flatnonzero(placed < 0)
    parts = np.array(list(_fill(rests[left], room)), np.int64).reshape(-1, 4)
    source = np.concatenate([whole, left[parts[:, 0]]])
    offset = np.concatenate([np.zeros(whole.size, np.int64), parts[:, 1]])
    size = np.concatenate([rests[whole], parts[:, 2]])
    sequence = np.concatenate([placed[whole], parts[:, 3]])
    if seed is not None:
        sequence = np.random.Generator(np.random.PCG64(seed)).permutation(room.size)[sequence]
    by = np.argsort(sequence, kind="stable")
    source, size, sequence = source[by], size[by], sequence[by]
    start = np.cumsum(size) - size - sequence * length
    return Pieces(copies[source], begins[source] + offset[by], size, sequence, start)


def _cut_long(sizes: Rows, length: int) -> tuple[Rows, Rows, Rows]:
    """Copy, begin and size of pieces that fit into a sequence."""
    counts = -(-sizes // length)
    copies = np.repeat(np.arange(sizes.size), counts)
    number = np.arange(copies.size) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = number * length
    return copies, begins, np.minimum(sizes[copies] - begins, length)


def _place(sizes: Rows, length: int, count: int) -> tuple[Rows, Rows]:
    """The sequence of each piece, longest first, or -1 where it fits nowhere; the room left."""
    full = int(np.searchsorted(-sizes, -length, side="right"))
    placed = np.full(sizes.size, -1, np.int64)
    placed[:full] = np.arange(full)
    room = np.full(count, length, np.int64)
    room[:full] = 0
    opened = full
    by_room: list[list[int]] = [[] for _ in range(length)]
    # Bit r is set where a sequence has room for just r more tokens.
    there = 0
    for at, size in enumerate(sizes[full:].tolist(), start=full):
        fitting = there >> size
        if fitting:
            left = size + (fitting & -fitting).bit_length() - 1
            sequence = by_room[left].pop()
            if not by_room[left]:
                there &= ~(1 << left)
            left -= size
        elif opened < count:
            sequence, left = opened, length - size
            opened += 1
        else:
            continue
        placed[at] = sequence
        room[sequence] = left
        if left:
            by_room[left].append(sequence)
            there |= 1 << left
    return placed, room


def _fill(sizes: Rows, room: Rows) -> Iterator[tuple[int, int, int, int]]:
    """Piece, where in it, how much of it and the sequence, for all that is left to be filled."""
    holes = np.flatnonzero(room)
    holes = holes[np.argsort(-room[holes], kind="stable")]
    piece = begin = 0
    for sequence, left in zip(holes.tolist(), room[holes].tolist(), strict=True):
        while left:
            size = min(left, int(sizes[piece]) - begin)
            yield piece, begin, size, sequence
            begin, left = begin + size, left - size
            if begin == sizes[piece]:
                piece, begin = piece + 1, 0
