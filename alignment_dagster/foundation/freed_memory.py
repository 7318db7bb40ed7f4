"""Memory that a process frees, and soon needs again."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST = 32 << 20
"""Bytes of a block that glibc can be told to keep."""


def keep_freed_memory(most: int) -> None:
    """Let glibc reuse freed blocks of up to 32 MiB instead of returning them to the system.

    Without this the kernel maps and zeroes their pages anew: 5 to 15 % of the time of training a
    model of a million parameters, and 18 % of that of the quality rules. Elsewhere than on Linux
    with glibc it does nothing.

    Args:
        most: bytes that are kept.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, most)
