"""Data-parallel training: the ranks that share the sequences of every step.

A step's sequences are cut into as many consecutive parts as there are ranks, and what the parts
give (gradients, losses) is added in the order of the ranks. So the bytes depend on the number of
ranks, and not on how many processes compute their parts: one for all, one for each, or a number
between that divides theirs. In round r process p of P computes the part of rank r · P + p.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.distributed as dist
from torch import Tensor

from alignment_dagster.foundation.errors import AlignmentError


@dataclass(frozen=True)
class Part:
    """The sequences that a rank takes of a step."""

    own: slice
    longest: int
    """Sequences of the longest part that any process computes in this round."""

    @property
    def size(self) -> int:
        """Sequences."""
        return int(self.own.stop - self.own.start)


@dataclass(frozen=True)
class Ranks:
    """How many there are, and which of their processes this one is."""

    count: int
    process: int | None = None
    """None where this process computes the parts of all ranks, and there is no other."""
    processes: int = 1
    own_accelerator: int | None = None
    """Its number on this process's machine, where that is not the process's own."""

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and speaks."""
        return not self.process

    def device(self, name: str) -> torch.device:
        """This process's accelerator, where training is on one.

        Raises:
            AlignmentError: if there are more processes than accelerators.
        """
        if self.process is None or name != "cuda":
            return torch.device(name)
        if self.own_accelerator is not None:
            return torch.device(f"cuda:{self.own_accelerator}")
        if self.processes > (there := torch.cuda.device_count()):
            raise AlignmentError(
                f"{self.processes} processes train and this machine has {there} GPU(s): each needs "
                f"one; lower pretraining.ranks to {there}, or train with `--device cpu`"
            )
        return torch.device(f"cuda:{self.process}")

    def parts(self, sequences: int) -> list[Part]:
        """Which of a step's sequences this process computes, a part a round."""
        sizes = [len(one) for one in torch.tensor_split(torch.arange(sequences), self.count)]
        ends = list(accumulate(sizes))
        own = range(self.process or 0, self.count, self.processes)
        return [
            Part(
                slice(ends[rank] - sizes[rank], ends[rank]),
                max(sizes[begin : begin + self.processes]),
            )
            for begin, rank in zip(range(0, self.count, self.processes), own, strict=True)
        ]

    def gather(self, own: Sequence[Tensor]) -> list[Tensor]:
        """Of each rank, in order, what was computed for it; `own` holds what this process did."""
        if self.process is None:
            return list(own)
        everyone: list[Tensor] = []
        for one in own:
            together = [torch.empty_like(one) for _ in range(self.processes)]
            dist.all_gather(together, one.contiguous())
            everyone += together
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
        if self.process is None:
            return number
        return int(max(self.gather([torch.tensor(number, device=device)])).item())


ALONE = Ranks(1)
