"""The mix as the trainer reads it: packed sequences, in an order that the seed decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.boundaries import Boundary
from alignment_dagster.study.treatments import Treated, phase_places
from alignment_dagster.training.objectives.targets import IGNORED, Targets

Sequences = NDArray[np.unsignedinteger]
Rows = NDArray[np.int64]
TYPES: Mapping[str, np.dtype[Any]] = {
    file_names.TREATMENTS: np.dtype(np.uint8),
    file_names.WEIGHTS: np.dtype("<f4"),
    file_names.REWARDS: np.dtype("<f4"),
    file_names.BOUNDARIES: np.dtype(np.uint8),
}
"""What a mix may say of its tokens."""
UNPREDICTED = (Treated.MASKED, Treated.HIDDEN, Treated.INSERTED_MASKED)


@dataclass(frozen=True)
class Segments:
    """The parts of sequences that do not see each other; int64 [sequences, length]."""

    numbers: Tensor
    """Of each token the part that it is in, counted in its sequence."""
    positions: Tensor
    """Its place in that part, from 0."""

    @classmethod
    def of(cls, boundaries: Tensor) -> "Segments":
        """The parts that begin where `boundaries` says so."""
        begins = boundaries != Boundary.INSIDE
        at = torch.arange(begins.shape[1]).expand(begins.shape)
        starts = torch.where(begins, at, 0).cummax(dim=1).values
        return cls(begins.cumsum(dim=1), at - starts)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Segments":
        """What `change` makes of both."""
        return Segments(change(self.numbers), change(self.positions))

    def mask(self) -> Tensor:
        """What each token sees, itself and those before it in its part: bool [sequences, 1,
        length, length].
        """
        own = self.numbers.unsqueeze(1) == self.numbers.unsqueeze(2)
        return own.tril().unsqueeze(1)


@dataclass(frozen=True)
class Batch:
    """Some sequences, and what is learned from them; tensors [sequences, length]."""

    tokens: Tensor
    targets: Targets
    segments: Segments | None = None
    """None where every token sees all before it."""

    @property
    def predicted(self) -> int:
        """How many tokens are predicted."""
        return int((self.targets.tokens != IGNORED).sum())

    def rows(self, part: slice) -> "Batch":
        """Some of the sequences."""
        return self.each(lambda one: one[part])

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """What `change` makes of each of its tensors."""
        segments = None if self.segments is None else self.segments.each(change)
        return Batch(change(self.tokens), self.targets.each(change), segments)

    def inputs(self) -> dict[str, Tensor]:
        """What the model is told."""
        if self.segments is None:
            return {"input_ids": self.tokens}
        mask, positions = self.segments.mask(), self.segments.positions
        return {"input_ids": self.tokens, "attention_mask": mask, "position_ids": positions}


@dataclass(frozen=True)
class PackedMix:
    """A mix's sequences, and what it says of their tokens; all [sequences, length]."""

    tokens: Sequences
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """File name → treatments, weights, rewards, boundaries, as far as there are such."""

    def batch(self, rows: Rows) -> Batch:
        """Some rows as the model reads them, and what follows each token where it is predicted."""
        tokens = torch.from_numpy(self.tokens[rows].astype("int64"))
        found = {name: torch.from_numpy(each[rows]) for name, each in self.beside.items()}
        following = _following(tokens, IGNORED)
        unlearned = None
        if (treated := found.get(file_names.TREATMENTS)) is not None:
            treated = _following(treated, Treated.LEARNED)
            for one in UNPREDICTED:
                following = following.masked_fill(treated == one, IGNORED)
            unlearned = treated == Treated.UNLEARNED
        weights, rewards = (
            None if name not in found else _following(found[name], 0)
            for name in (file_names.WEIGHTS, file_names.REWARDS)
        )
        segments = None
        if (boundaries := found.get(file_names.BOUNDARIES)) is not None:
            unpredicted = _following(boundaries, Boundary.INSIDE) == Boundary.BEGINS
            following = following.masked_fill(unpredicted, IGNORED)
            segments = Segments.of(boundaries)
        return Batch(tokens, Targets(following, unlearned, weights, rewards), segments)

    def said_of(self, rows: Rows) -> bytes:
        """What the mix says of the tokens of some rows, for the ledger."""
        names = (name for name in file_names.BESIDE_TOKENS if name in self.beside)
        return b"".join(self.beside[name][rows].tobytes() for name in names)


def _following(values: Tensor, last: int) -> Tensor:
    """Of each position what stands at the next one; `last` at the end of each row."""
    return torch.cat([values[:, 1:], values.new_full((len(values), 1), last)], dim=1)


def read_mix(mix: Path, sequence_length: int, vocabulary: int) -> PackedMix:
    """A mix, mapped from disk.

    Raises:
        ArtifactError: if something is missing, or does not fit the sequence length or the
            vocabulary.
    """
    tokens = read_sequences(mix, sequence_length, vocabulary)
    beside: dict[str, NDArray[Any]] = {}
    for name, kind in TYPES.items():
        if (mix / name).exists():
            beside[name] = np.load(mix / name, mmap_mode="r", allow_pickle=False)
            if beside[name].shape != tokens.shape or beside[name].dtype != kind:
                raise ArtifactError(f"{mix / name}: does not fit {file_names.SEQUENCES}")
    return PackedMix(tokens, beside)


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


def consumption_order(sequences: int, seed: int, phases: Sequence[float] = ()) -> NDArray[np.int64]:
    """Every row of the mix once, shuffled by the seed, one phase after the other.

    Args:
        phases: the shares of the sequences with which a phase begins, but for the first.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    places = (0, *phase_places(phases, sequences), sequences)
    return np.concatenate(
        [begin + draw.permutation(end - begin) for begin, end in pairwise(places)]
    )


def step_count(sequences: int, per_step: int) -> int:
    """Optimizer steps for one pass; the last one may hold fewer sequences."""
    return -(-sequences // per_step)


def rows_of_step(order: NDArray[np.int64], step: int, per_step: int) -> NDArray[np.int64]:
    """The rows of the mix that optimizer step `step` (1-based) consumes, in order."""
    return order[(step - 1) * per_step : step * per_step]
