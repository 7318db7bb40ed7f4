"""Checking a consumption ledger against the mix, without the trainer's code."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.study.treatments import phase_places


@dataclass(frozen=True)
class Trunk:
    """The steps before a ledger's first, and where they stand."""

    ledger: Path
    steps: int
    same_mix: bool
    """Whether they read the mix that is read on."""


def consumption_problem(
    ledger: Path,
    mix: Path,
    trunk: Trunk | None = None,
    *,
    whole: bool = True,
    phases: Sequence[float] = (),
) -> str | None:
    """Recompute the ledger's digest chain from the mix's own tokens.

    Every sequence must be read exactly once, one phase after the other, and chain k must be
    SHA-256(chain k-1 ‖ tokens of step k as little-endian uint32), from 32 zero bytes or from the
    trunk's last step on. Where the mix says how its tokens are treated, what it says of those of
    step k follows them: treatments (uint8), weights and rewards (little-endian float32), and
    boundaries (uint8), as far as there are such.

    Args:
        trunk: its own ledger is taken as it stands.
        whole: whether the mix is read to its end; a trunk's is not.
        phases: the shares of the sequences with which a phase begins, but for the first.

    Returns:
        None where it holds, or what does not.
    """
    sequences = np.load(mix / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False)
    beside = [
        np.load(mix / name, mmap_mode="r", allow_pickle=False)
        for name in file_names.BESIDE_TOKENS
        if (mix / name).exists()
    ]
    seen = np.zeros(len(sequences), dtype=np.int64)
    places, phase = phase_places(phases, len(sequences)), 0
    step, tokens, chain = 0, 0, bytes(32)
    if trunk is not None:
        before = pq.read_table(trunk.ledger).slice(0, trunk.steps).to_pylist()
        if not before or before[-1]["step"] != trunk.steps:
            return f"the trunk has no step {trunk.steps}"
        step, tokens = trunk.steps, before[-1]["tokens"]
        chain = bytes.fromhex(before[-1]["chain"])
        if trunk.same_mix:
            if stray := _count(before, seen):
                return stray
            phase = int(_phases_of(before[-1], places).max(initial=0))
    rows = pq.read_table(ledger).to_pylist()
    if stray := _count(rows, seen):
        return stray
    for row in rows:
        step += 1
        read = _phases_of(row, places)
        if (np.diff(read, prepend=phase) < 0).any():
            return f"step {row['step']} reads a phase that was over"
        phase = int(read.max(initial=phase))
        batch = sequences[row["sequences"]]
        said = b"".join(one[row["sequences"]].tobytes() for one in beside)
        chain = hashlib.sha256(chain + batch.astype("<u4").tobytes() + said).digest()
        tokens += batch.size
        if (chain.hex(), tokens, step) != (row["chain"], row["tokens"], row["step"]):
            return f"the ledger departs from the mix at step {row['step']}"
    wrong = np.flatnonzero(seen != 1 if whole else seen > 1)
    if wrong.size:
        return f"sequence {wrong[0]} was read {int(seen[wrong[0]])} times"
    return None


def _count(rows: list[dict[str, Any]], seen: NDArray[np.int64]) -> str | None:
    """Add how often each sequence was read to `seen` [sequences]; says which step read another."""
    for row in rows:
        read = np.asarray(row["sequences"], np.int64)
        strays = read[(read < 0) | (read >= seen.size)]
        if strays.size:
            return f"step {row['step']} read sequence {strays[0]}; the mix has {seen.size}"
        np.add.at(seen, read, 1)
    return None


def _phases_of(row: dict[str, Any], places: Sequence[int]) -> NDArray[np.int64]:
    """In which phase each sequence lies that a step read [sequences of the step]."""
    found: NDArray[np.int64] = np.searchsorted(places, row["sequences"], side="right")
    return found
