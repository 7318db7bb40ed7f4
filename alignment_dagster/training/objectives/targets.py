"""What an objective compares a model's logits with."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

IGNORED = -100
"""In `Targets.tokens`: nothing is learned at this position."""


@dataclass(frozen=True)
class Targets:
    """What each position is to predict; all of the shape [sequences, length]."""

    tokens: Tensor
    """int64: the token that follows, or `IGNORED`."""
    unlearned: Tensor | None = None
    """bool: whether that token is to become unlikely; none is where nothing is said."""
    weights: Tensor | None = None
    """float32: by what its loss is multiplied; all count the same where nothing is said."""
    rewards: Tensor | None = None
    """float32: how good it is, for the objectives that weigh by rewards."""
    values: Tensor | None = None
    """float32: what the value head expects of its reward, for those that have such a head."""

    def each(self, change: Callable[[Tensor], Tensor]) -> "Targets":
        """What `change` makes of each of them that is there."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        changed: dict[str, Any] = {
            name: None if one is None else change(one) for name, one in found.items()
        }
        return Targets(**changed)

    def weigh(self, losses: Tensor) -> Tensor:
        """The losses [sequences, length] times their weights, summed."""
        return losses.sum() if self.weights is None else (losses * self.weights).sum()


def required(values: Tensor | None, what: str) -> Tensor:
    """Values that an objective cannot do without.

    Raises:
        ValueError: if they are not there, and what they are.
    """
    if values is None:
        raise ValueError(f"this objective needs the {what} of every token")
    return values
