"""The mix as the trainer reads it: packed sequences, in an order that the seed decides."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names

Sequences = NDArray[np.unsignedinteger]


def read_sequences(mix: Path, sequence_length: int, vocabulary: int) -> Sequences:
    """The mix's packed token ids, shape [sequences, length], mapped from disk.

    Raises:
        ArtifactError: if they are missing, or do not fit the sequence length or the vocabulary.
    """
    path = mix / file_names.SEQUENCES
    try:
        sequences: Sequences = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: there is no such file") from None
    except (ValueError, EOFError, OSError) as error:
        raise ArtifactError(f"{path}: not a NumPy array: {error}") from None
    if sequences.dtype not in (np.uint16, np.uint32) or sequences.ndim != 2:
        raise ArtifactError(f"{path}: expected a table of uint16 or uint32 token ids")
    if sequences.shape[0] == 0 or sequences.shape[1] != sequence_length:
        raise ArtifactError(
            f"{path}: holds {sequences.shape[0]} sequences of {sequences.shape[1]} tokens; "
            f"expected at least one, of {sequence_length} tokens"
        )
    if (highest := int(sequences.max())) >= vocabulary:
        raise ArtifactError(f"{path}: token id {highest} is not in a vocabulary of {vocabulary}")
    return sequences


def consumption_order(sequences: int, seed: int) -> NDArray[np.int64]:
    """Every row of the mix once, shuffled by the seed."""
    return np.random.Generator(np.random.PCG64(seed)).permutation(sequences)


def step_count(sequences: int, per_step: int) -> int:
    """Optimizer steps for one pass; the last one may hold fewer sequences."""
    return -(-sequences // per_step)


def rows_of_step(order: NDArray[np.int64], step: int, per_step: int) -> NDArray[np.int64]:
    """The rows of the mix that optimizer step `step` (1-based) consumes, in order."""
    return order[(step - 1) * per_step : step * per_step]
