"""A step whose loss and gradient norm are on their way from the device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alignment_dagster.training.guards import Fault


@dataclass(frozen=True)
class Unread:
    """A step that was started, and where its loss and gradient norm arrive."""

    number: int
    tokens: int
    """Consumed up to this step."""
    rate: float
    values: Tensor
    """Loss and gradient norm [2]."""
    skipped: Fault | None
    arrived: torch.cuda.Event | None

    @classmethod
    def of(
        cls, number: int, tokens: int, rate: float, values: Tensor, skipped: Fault | None
    ) -> "Unread":
        """Starts the copy of the values to the host."""
        if values.device.type != "cuda":
            return cls(number, tokens, rate, values, skipped, None)
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        host.copy_(values, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return cls(number, tokens, rate, host, skipped, event)

    def wait(self) -> list[float]:
        """Loss and gradient norm, once they are there."""
        if self.arrived is not None:
            self.arrived.synchronize()
        found: list[float] = self.values.tolist()
        return found
