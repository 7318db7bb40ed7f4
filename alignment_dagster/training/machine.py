"""The process that trains: made deterministic, stopped cleanly, and measured."""

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
CALIBRATION_SECONDS = 0.2
CALIBRATION_SIZE = 512


def make_deterministic(threads: int) -> None:
    """Same input, same machine, same bytes: deterministic kernels and a fixed thread count."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory helps to find uses of it, and costs time at every allocation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def keep_freed_memory() -> None:
    """Let glibc reuse the memory of large tensors instead of returning it after every step.

    Without this the kernel maps and zeroes the logits' pages anew at every step: 5 to 15 % of the
    time of a model of a million parameters. Elsewhere than on Linux with glibc it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 1 << 30)


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


def matmul_flops_per_second(device: torch.device, precision: str) -> float:
    """The best rate of a square matrix product here and now, in the precision trained in.

    A measured stand-in for the peak that a vendor states: it takes `CALIBRATION_SECONDS`, and
    depends on what else the machine is doing.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    matrix = torch.ones(CALIBRATION_SIZE, CALIBRATION_SIZE, device=device, dtype=dtype)
    best, end = float("inf"), time.perf_counter() + CALIBRATION_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * CALIBRATION_SIZE**3 / best
