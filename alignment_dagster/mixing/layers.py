"""What is packed: of each document its tokens, and whatever else is said of each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.mixing.kept_documents import Numbers


@dataclass(frozen=True)
class Layer:
    """A number for each token of every document."""

    type: np.dtype[Any]
    read: Callable[[int, float], NDArray[Any]]
    """Row, and the share of the mix with which its phase begins → of each token of a document."""


class Packable(Protocol):
    """Documents as they are packed."""

    @property
    def lengths(self) -> Numbers:
        """[documents]: tokens of each; 0 where that is not known yet."""

    @property
    def layers(self) -> Mapping[str, Layer]:
        """File → what it holds of each token."""

    def encode(self, rows: Numbers) -> None:
        """Make the lengths and tokens of some documents known."""
