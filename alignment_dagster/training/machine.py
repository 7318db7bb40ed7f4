"""The process that trains: its memory, and how it is stopped."""

import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch

KEPT = 1 << 30
"""Bytes of freed tensors, as a step's logits, that the next step takes again."""


class StopRequest:
    """Whether SIGINT or SIGTERM came."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.signal = number

    @property
    def exit_code(self) -> int:
        """What a shell shows for a process that a signal ended: 130 or 143."""
        return 128 + self.signal


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """While inside, SIGINT and SIGTERM only leave a note, so that a step is finished first."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, request) for number in numbers]
    try:
        yield request
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory held so far: of this process, or of the accelerator where there is one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
