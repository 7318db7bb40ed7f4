"""Everything that the next optimizer step depends on, and what was recorded so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.training.consumption import Ledger
from alignment_dagster.training.pretraining.shards import gather, shard_like
from alignment_dagster.training.pretraining.value_head import NAME
from alignment_dagster.training.step_log import PRETRAINING_SCHEMA, LogRow

VALUE_HEAD = {f"{NAME}.weight": 2, f"{NAME}.bias": 1}
"""Of its parameters the number of dimensions; they are the last of a model."""


@dataclass
class TrainingState:
    """Of one process: its model and optimizer, and the ledger and log of the whole training."""

    model: nn.Module
    optimizer: Optimizer
    ledger: Ledger = field(default_factory=Ledger)
    log: list[LogRow] = field(default_factory=list)
    log_before: list[LogRow] = field(default_factory=list)
    """Of a trunk on the same mix: the guard looks back on it."""
    log_schema: pa.Schema = PRETRAINING_SCHEMA
    resumed_from: str = ""
    """SHA-256 that names the state that a stopped run had left, where this went on from one."""

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return self.ledger.last.step

    def tensors(self) -> dict[str, Tensor]:
        """Weights, moments and random states by name; those that are sharded, sharded."""
        tensors = {f"model.{name}": value.detach() for name, value in self.model.named_parameters()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in values.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        return tensors

    def write(self, path: Path, *, here: bool = True) -> None:
        """Write the whole tensors as safetensors; all processes call this at once.

        Args:
            here: whether it is this process that writes.
        """
        together = ((name, gather(value)) for name, value in self.tensors().items())
        whole = {name: value for name, value in together if here}
        if here:
            save_file(whole, path)

    def digest(self, aside: Path) -> str:
        """Hex SHA-256 of the tensors' file, which is written to `aside`."""
        self.write(aside)
        return sha256_file(aside)

    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from these tensors; of whole ones each process takes its shards.

        A value head that only one of both has begins anew, or is left behind.

        Raises:
            ArtifactError: if a weight has another shape.
            KeyError: if one is missing.
        """
        own = dict(self.model.named_parameters())
        decoder = {name: one.dim() for name, one in own.items() if name not in VALUE_HEAD}
        heads = {name: dim for name, dim in VALUE_HEAD.items() if f"model.{name}" in tensors}
        with torch.no_grad():
            for name in (*decoder, *(one for one in heads if one in own)):
                value = tensors[f"model.{name}"]
                if own[name].shape != value.shape:
                    raise ArtifactError(
                        f"{name} has another shape in the state that is gone on from: where "
                        "positions are weights, no stage can have another sequence_length"
                    )
                own[name].copy_(shard_like(value, own[name]))
        places = {name: place for place, name in enumerate(self.names_in_groups())}
        there = _in_groups({**decoder, **heads})
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, moment = key.split(".")
                name = there[int(index)]
                if (place := places.get(name)) is not None:
                    like = own[name] if value.shape == own[name].shape else value
                    moments.setdefault(place, {})[moment] = shard_like(value, like)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])

    def names_in_groups(self) -> list[str]:
        """The parameters in the order of the optimizer."""
        return _in_groups({name: one.dim() for name, one in self.model.named_parameters()})


def _in_groups(dimensions: Mapping[str, int]) -> list[str]:
    """Matrices first."""
    return [
        *(name for name, dim in dimensions.items() if dim >= 2),
        *(name for name, dim in dimensions.items() if dim < 2),
    ]
