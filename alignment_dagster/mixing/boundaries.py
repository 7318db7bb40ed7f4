"""Where in packed sequences something begins that sees nothing of what stands before it.

A document begins with the token that closed the one before it, as it does when it stands alone: so
its first token is predicted, from that token. A piece that a cut document begins with is predicted
from nothing.
"""

from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.best_fit import Pieces
from alignment_dagster.mixing.kept_documents import Numbers


class Boundary(IntEnum):
    """What a token is for what it sees."""

    INSIDE = 0
    """It sees what stands before it, back to where something begins."""
    BEGINS = 1
    """It is the first that is seen, and nothing predicts it."""
    CLOSES = 2
    """It is the first that is seen, and closes the document that predicts it."""


def write_boundaries(
    pieces: Pieces, lengths: Numbers, shape: tuple[int, int], folder: Path
) -> None:
    """Write `boundaries.npy` (uint8) [sequences, length].

    Args:
        lengths: of each copy, with the closing token [copies].
    """
    place = pieces.sequence * shape[1] + pieces.start
    ended = pieces.begin + pieces.size == lengths[pieces.copy]
    # The piece before it in the same sequence closes a document, and it begins one.
    after = np.concatenate([[False], ended[:-1]]) & (pieces.begin == 0) & (pieces.start > 0)
    table = npy.open_memmap(folder / file_names.BOUNDARIES, "w+", np.dtype(np.uint8), shape)
    flat = table.reshape(-1)
    flat[place[after] - 1] = Boundary.CLOSES
    flat[place[~after]] = Boundary.BEGINS
    table.flush()
