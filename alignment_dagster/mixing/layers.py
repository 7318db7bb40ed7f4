"""What is packed: of each document its tokens, and whatever else is said of each of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.mixing.kept_documents import Numbers


@dataclass(frozen=True)
class Layer:
    """A number for each token of every document."""

    type: np.dtype[Any]
    read: Callable[[int, float], NDArray[Any]]
    """Row, and the share of the mix with which its phase begins → of each token of a document."""


class Segment(NamedTuple):
    """Tokens of one document, as they lie in one that is packed."""

    row: int
    """Whose they are: its own, or those of a document that stands in it."""
    begin: int
    """Where they lie."""
    size: int
    start: int
    """Which of their document's tokens is the first."""


class Packable(Protocol):
    """Documents as they are packed."""

    @property
    def lengths(self) -> Numbers:
        """[documents]: tokens of each; 0 where that is not known yet."""

    @property
    def layers(self) -> Mapping[str, Layer]:
        """File → what it holds of each token."""

    @property
    def own_lengths(self) -> Numbers:
        """[documents]: those without the tokens of documents that stand in it."""

    @property
    def alone(self) -> NDArray[np.bool_]:
        """[documents]: whether it is packed by itself, and not only as a part of others."""

    def encode(self, rows: Numbers) -> None:
        """Make the lengths and tokens of some documents known."""

    def segments(self, row: int) -> Sequence[Segment]:
        """Whose the tokens of a document are, in order; none where all are its own."""
