"""Data-parallel training: the ranks that share the sequences of every step.

A step's sequences are cut into as many consecutive parts as there are ranks, and what the parts
give (gradients, losses) is added in the order of the ranks. So the bytes depend on the number of
ranks, and not on whether each has a process of its own or one process computes all their parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.distributed as dist
from torch import Tensor

from alignment_dagster.foundation.errors import AlignmentError


@dataclass(frozen=True)
class Ranks:
    """How many there are, and which one this process is."""

    count: int
    rank: int | None = None
    """None where this process computes the parts of all ranks."""
    own_accelerator: int | None = None
    """Its number on this rank's machine, where that is not the rank's own."""

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and speaks."""
        return not self.rank

    def device(self, name: str) -> torch.device:
        """This rank's accelerator, where training is on one.

        Raises:
            AlignmentError: if there are more ranks than accelerators.
        """
        if self.rank is None or name != "cuda":
            return torch.device(name)
        if self.own_accelerator is not None:
            return torch.device(f"cuda:{self.own_accelerator}")
        if self.count > (there := torch.cuda.device_count()):
            raise AlignmentError(
                f"pretraining.ranks is {self.count} and this machine has {there} GPU(s): each rank "
                f"needs one; lower ranks to {there}, or train with `--device cpu`"
            )
        return torch.device(f"cuda:{self.rank}")

    def parts(self, sequences: int) -> list[slice]:
        """Which of a step's sequences this process computes, a part for each of its ranks."""
        sizes = [len(one) for one in torch.tensor_split(torch.arange(sequences), self.count)]
        ends = list(accumulate(sizes))
        parts = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        return parts if self.rank is None else [parts[self.rank]]

    def gather(self, own: Sequence[Tensor]) -> list[Tensor]:
        """Of each rank, in order, what it computed; `own` holds what this process computed."""
        if self.rank is None:
            return list(own)
        everyone = [torch.empty_like(own[0]) for _ in range(self.count)]
        dist.all_gather(everyone, own[0].contiguous())
        return everyone

    def total(self, own: Sequence[Tensor]) -> Tensor:
        """The sum over all ranks, in their order."""
        first, *others = self.gather(own)
        result = first.clone()
        for other in others:
            result += other
        return result

    def maximum(self, number: int, device: torch.device) -> int:
        """The largest of the numbers that the processes give; all wait for each other."""
        if self.rank is None:
            return number
        return int(max(self.gather([torch.tensor(number, device=device)])).item())


ALONE = Ranks(1)
