"""What of a machine this process may use: cores and memory, as affinity and cgroups limit them.

A container often shows all cores and memory of its machine, and may use fewer: control groups of
Linux say how many, in version 1 and 2 (kernel.org, Documentation/admin-guide/cgroup-v2.rst).
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

UNLIMITED = 1 << 60
"""Bytes; version 1 writes a number beyond any memory where there is no limit."""


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    total: int
    """That this process may use when nothing else runs."""
    available: int
    """Of these now."""


def usable_cores(system: Path = Path("/")) -> int:
    """Cores that this process may use, at least one.

    Args:
        system: where `proc` and `sys` lie.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, min([allowed, *_quotas(system)]))


def usable_memory(system: Path = Path("/")) -> Memory:
    """Of the machine, or of what its control groups leave.

    Args:
        system: where `proc` and `sys` lie.
    """
    machine = psutil.virtual_memory()
    total, available = machine.total, machine.available
    for limit, used in _memory_limits(system):
        total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total, available)


def _quotas(system: Path) -> Iterator[int]:
    for folder in _groups(system, "cpu"):
        words = _read(folder / "cpu.max").split()
        quota = _read(folder / "cpu.cfs_quota_us").strip()
        if not words and quota and int(quota) > 0:
            words = [quota, _read(folder / "cpu.cfs_period_us").strip()]
        if len(words) == 2 and words[0] != "max":
            yield math.ceil(int(words[0]) / int(words[1]))


def _memory_limits(system: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each group; what the file cache holds can be taken back."""
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    for folder in _groups(system, "memory"):
        for limit_name, used_name, cached_name in names:
            limit = _read(folder / limit_name).strip()
            if limit.isdecimal() and int(limit) < UNLIMITED:
                lines = (line.split() for line in _read(folder / "memory.stat").splitlines())
                cached = next((int(line[1]) for line in lines if line[0] == cached_name), 0)
                yield int(limit), max(0, int(_read(folder / used_name) or 0) - cached)


def _groups(system: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups that a controller has, up to its root.

    In a container the path may be that outside of it: then its own group is the root.
    """
    for line in _read(system / "proc/self/cgroup").splitlines():
        number, controllers, place = line.split(":", 2)
        root = system / "sys/fs/cgroup"
        if controller in controllers.split(","):
            root = root / controllers if (root / controllers).is_dir() else root / controller
        elif number != "0":
            continue
        own = root / place.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield folder


def _read(path: Path) -> str:
    """The text of a file; empty where there is none, or it may not be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
