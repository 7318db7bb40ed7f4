"""What a file holds, whatever library wrote its bytes: columns of values, and how they are pinned.

A pinned file is `exact`, a digest over all columns that are the same on every machine (and over
the types of the others), and `near`, a few statistics of each column of numbers that are not.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from alignment_dagster.foundation.digests import sha256_json

RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""How far statistics may lie apart."""
Pinned = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """How a file is pinned; see `files.yaml`."""

    near: frozenset[str] = frozenset()
    any: frozenset[str] = frozenset()
    only: str | None = None
    """`present` or `shapes`: no values at all."""

    @classmethod
    def read(cls, declared: str | Mapping[str, list[str]]) -> "Kind":
        if isinstance(declared, str):
            assert declared in ("exact", "present", "shapes"), declared
            return cls(only=None if declared == "exact" else declared)
        assert declared.keys() <= {"near", "any"}, declared
        return cls(frozenset(declared.get("near", ())), frozenset(declared.get("any", ())))

    def is_any(self, column: str) -> bool:
        """Whether only its type counts; `name.*` stands for all that is below `name`."""
        above = {f"{column.rsplit('.', 1)[0]}.*"} if "." in column else set()
        return self.only == "shapes" or column in self.any or bool(above & self.any)


Columns = Mapping[str, tuple[str, list[Any]]]
"""Name → type and values."""


def pin(path: Path, kind: Kind) -> Pinned:
    """The record of a file."""
    if kind.only == "present":
        return {}
    columns = read_columns(path)
    loose = {name for name in columns if name in kind.near or kind.is_any(name)}
    exact = {
        name: [type_, None if name in loose else values]
        for name, (type_, values) in columns.items()
    }
    near = {name: statistics(columns[name][1]) for name in sorted(kind.near & columns.keys())}
    return {"exact": sha256_json(exact), **({"near": near} if near else {})}


def read_columns(path: Path) -> Columns:
    """The content of a file by its columns (Parquet), fields (JSON) or tensors."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return {one.name: (str(one.type), table[one.name].to_pylist()) for one in table.schema}
    if path.suffix == ".json":
        found: dict[str, tuple[str, list[Any]]] = {}
        for name, value in _leaves(json.loads(path.read_text(encoding="utf-8")), "", ""):
            found.setdefault(name, ("json", []))[1].append(value)
        return found
    if path.suffix == ".npy":
        values = np.load(path)
        return {"values": (f"{values.dtype}{values.shape}", values.tolist())}
    assert path.suffix == ".safetensors", f"{path}: how is it read?"
    return {
        name: (f"{values.dtype}{values.shape}", values.tolist())
        for name, values in sorted(load_file(path).items())
    }


def _leaves(value: Any, name: str, above: str) -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, under its field's name and that of the field above."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, key, name)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one, name, above)
    else:
        yield (f"{above}.{name}" if above else name), value


def statistics(values: list[Any]) -> list[float]:
    """How many numbers and how many gaps; the first, the last, their mean and deviation."""
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    numbers = np.array([one for one in flat if one is not None], dtype=np.float64)
    counts = [float(len(numbers)), float(len(flat) - len(numbers))]
    if not len(numbers):
        return counts
    shown = (numbers[0], numbers[-1], numbers.mean(), numbers.std())
    return [*counts, *(float(f"{one:.7g}") for one in shown)]


def same(one: Pinned, other: Pinned) -> bool:
    """Whether two records are of the same content, numbers within the tolerance."""
    if one.get("exact") != other.get("exact"):
        return False
    then, now = one.get("near", {}), other.get("near", {})
    return then.keys() == now.keys() and all(_close(then[name], now[name]) for name in then)


def _close(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        for a, b in zip(one, other, strict=True)
    )
