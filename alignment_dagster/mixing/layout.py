"""A document as a mix holds it, token by token."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class TreatedTokens:
    """The tokens of a document that one rule treated in one way."""

    row: int
    """The document: one that stands in another has its own."""
    rule: str
    treatment: str
    """A name of `Treated` in small letters, or `weighted`."""
    tag: str | None
    tokens: Flags
    """Which they are, of those that are packed [tokens]."""


@dataclass(frozen=True)
class Layout:
    """A treated document, token by token [tokens]."""

    ids: NDArray[Any]
    treatments: NDArray[np.uint8]
    weights: NDArray[np.float32]
    rewards: NDArray[np.float32]
    treated: tuple[TreatedTokens, ...]

    def part(self, part: slice) -> "Layout":
        """Some of its tokens."""
        return Layout(
            self.ids[part],
            self.treatments[part],
            self.weights[part],
            self.rewards[part],
            tuple(replace(one, tokens=one.tokens[part]) for one in self.treated),
        )


def join(parts: Sequence[Layout]) -> Layout:
    """Parts of documents, one after the other."""
    treated, at, size = [], 0, sum(part.ids.size for part in parts)
    for part in parts:
        for one in part.treated:
            tokens = np.zeros(size, bool)
            tokens[at : at + one.tokens.size] = one.tokens
            treated.append(replace(one, tokens=tokens))
        at += part.ids.size
    return Layout(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.treatments for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.rewards for part in parts]),
        tuple(treated),
    )
