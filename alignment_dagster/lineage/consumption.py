"""Checking a consumption ledger against the mix, without the trainer's code."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names


def consumption_problem(ledger: Path, mix: Path) -> str | None:
    """Recompute the ledger's digest chain from the mix's own tokens.

    Every sequence must be read exactly once, and chain k must be
    SHA-256(chain k-1 ‖ tokens of step k as little-endian uint32), from 32 zero bytes. Where the mix
    says how its tokens are treated, what it says of those of step k follows them: treatments
    (uint8), weights and rewards (little-endian float32), and boundaries (uint8), as far as there
    are such.

    Returns:
        None where it holds, or what does not.
    """
    sequences = np.load(mix / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False)
    beside = [
        np.load(mix / name, mmap_mode="r", allow_pickle=False)
        for name in file_names.BESIDE_TOKENS
        if (mix / name).exists()
    ]
    chain, seen, tokens = bytes(32), np.zeros(len(sequences), dtype=np.int64), 0
    for row in pq.read_table(ledger).to_pylist():
        batch = sequences[row["sequences"]]
        np.add.at(seen, row["sequences"], 1)
        said = b"".join(one[row["sequences"]].tobytes() for one in beside)
        chain = hashlib.sha256(chain + batch.astype("<u4").tobytes() + said).digest()
        tokens += batch.size
        if chain.hex() != row["chain"] or tokens != row["tokens"]:
            return f"the ledger departs from the mix at step {row['step']}"
    if (seen != 1).any():
        first = int(np.flatnonzero(seen != 1)[0])
        return f"sequence {first} was read {int(seen[first])} times"
    return None
