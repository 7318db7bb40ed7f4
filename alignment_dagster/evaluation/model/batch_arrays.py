"""A batch of token trees as arrays, put together without a loop over its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.evaluation.model.token_trees import NEVER, TokenTree

PADDING = 0
ALIGNED = 16
"""Attention on a GPU wants masks whose rows are a multiple of this many numbers."""
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class BatchArrays:
    """What the model reads, and what of it is scored."""

    read: tuple[Integers, Integers, Integers]
    """Token ids, positions, and where each token's descendants end, each [rows, width]."""
    scored: tuple[Integers, Integers, Integers, Integers]
    """Of `hidden_states.ScoredPositions`: row, at, slot, wanted."""
    targets: Integers
    """The token that each scored position predicts [n]."""
    owners: Integers
    """The continuation of the batch to which it belongs [n]."""


def assemble(batch: Sequence[TokenTree], *, aligned: bool) -> BatchArrays:
    """The arrays of some rows; `aligned` rounds their width up."""
    width = max(tree.size for tree in batch)
    if aligned:
        width = -(-width // ALIGNED) * ALIGNED
    owners, row, at, targets = _scored_positions(batch)
    counts = np.bincount(row, minlength=len(batch))
    slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = np.zeros((len(batch), int(counts.max())), np.int64)
    wanted[row, slot] = at
    return BatchArrays(
        (
            _padded([tree.tokens for tree in batch], width, PADDING),
            _padded([tree.depths for tree in batch], width, 0),
            _padded([tree.ends for tree in batch], width, NEVER),
        ),
        (row, at, slot, wanted),
        targets,
        owners,
    )


def _padded(rows: Sequence[list[int]], width: int, padding: int) -> Integers:
    """[rows, width], filled up behind."""
    lengths = np.array([len(row) for row in rows])
    found = np.full((len(rows), width), padding, np.int64)
    found[np.arange(width) < lengths[:, None]] = [number for row in rows for number in row]
    return found


def _scored_positions(batch: Sequence[TokenTree]) -> tuple[Integers, Integers, Integers, Integers]:
    """Continuation, row, position and target of every scored token, each [n]."""
    at: list[int] = []
    targets: list[int] = []
    counts = []
    for tree in batch:
        for one, path in zip(tree.continuations, tree.paths, strict=True):
            at += path[one.start - 1 :]
            targets += one.tokens[one.start :]
            counts.append(one.scored)
    in_row = np.repeat(np.arange(len(batch)), [len(tree.continuations) for tree in batch])
    owners = np.repeat(np.arange(len(counts)), counts)
    return owners, in_row[owners], np.array(at), np.array(targets)
