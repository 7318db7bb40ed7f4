"""What a generator yields, and the one way in which all of them draw at random."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class GeneratedDocument:
    """One document; `payload` is canonical JSON for chat and preferences, else None."""

    text: str
    payload: str | None


Generator = Callable[[int, int], Iterator[GeneratedDocument]]
"""(number of documents, seed) → the documents; more documents begin with the same ones."""


class Draw:
    """Seeded choices that are the same under every Python version and in every process.

    Only `Random.random` is used: Python promises its values for a seed, and not those of `choice`.
    """

    def __init__(self, generator: str, seed: int) -> None:
        self._random = random.Random(f"{generator}:{seed}")

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random.random() < probability

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound` - 1."""
        return int(self._random.random() * bound)

    def one(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def several(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` different items, in a drawn order."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(count)]
