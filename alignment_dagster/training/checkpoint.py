"""Checkpoints for an exact resume: weights, optimizer, random state, and the ledgers so far.

A checkpoint is written aside and renamed into place; only the newest is kept. It carries a digest
of each of its files and the identity of the job that wrote it. One that does not fit is not used:
training then starts anew, which gives the same bytes and only costs time.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from alignment_dagster.digests import sha256_file, sha256_json
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA, Ledger
from alignment_dagster.training.log import PRETRAINING_SCHEMA, LogRow, read_log, write_log

PREFIX = "checkpoint-"
ASIDE = "unfinished-checkpoint"
TENSORS = "tensors.safetensors"
LEDGER = "consumption.parquet"
LOG = "training_log.parquet"
STATE = "checkpoint.json"


@dataclass
class TrainingState:
    """Everything that the next optimizer step depends on, and what was recorded so far."""

    model: nn.Module
    optimizer: Optimizer
    ledger: Ledger = field(default_factory=Ledger)
    log: list[LogRow] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return len(self.ledger.rows)


def save(work: Path, identity: str, state: TrainingState) -> None:
    """Write a checkpoint of this step; older ones are deleted once it is in place."""
    final = work / f"{PREFIX}{state.step:08d}"
    if final.exists():
        return
    aside = work / ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    save_file(_tensors(state), aside / TENSORS)
    state.ledger.write(aside / LEDGER, SEQUENCES_SCHEMA)
    write_log(aside / LOG, state.log, PRETRAINING_SCHEMA)
    files = {name: sha256_file(aside / name) for name in (TENSORS, LEDGER, LOG)}
    content = {"identity": identity, "step": state.step, "files": files}
    sealed = {"content": content, "digest": sha256_json(content)}
    (aside / STATE).write_text(json.dumps(sealed), encoding="utf-8")
    aside.rename(final)
    for older in _checkpoints(work):
        if older != final:
            shutil.rmtree(older)


def resume(work: Path, identity: str, state: TrainingState, say: Callable[[str], None]) -> None:
    """Put the newest usable checkpoint into `state`; one that does not fit is said and deleted."""
    for folder in reversed(_checkpoints(work)):
        if problem := _problem(folder, identity):
            say(f"{folder.name} is not resumed from: {problem}")
            shutil.rmtree(folder)
            continue
        _restore(load_file(folder / TENSORS), state)
        state.ledger = Ledger.read(folder / LEDGER)
        state.log = read_log(folder / LOG)
        say(f"resumed after step {state.step}")
        return


def delete_all(work: Path) -> None:
    """Delete the checkpoints of a job that is done."""
    for folder in _checkpoints(work):
        shutil.rmtree(folder)


def _checkpoints(work: Path) -> list[Path]:
    return sorted(work.glob(f"{PREFIX}*"))


def _problem(folder: Path, identity: str) -> str | None:
    try:
        sealed = json.loads((folder / STATE).read_text(encoding="utf-8"))
        content = sealed["content"]
        if sealed["digest"] != sha256_json(content):
            return f"{STATE} was altered"
        if content["identity"] != identity:
            return "it belongs to another configuration"
        for name in (TENSORS, LEDGER, LOG):
            if content["files"][name] != sha256_file(folder / name):
                return f"{name} was altered"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"it is incomplete ({error!r})"
    return None


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"model.{name}": value.detach() for name, value in state.model.named_parameters()}
    for index, values in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in values.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    return tensors


def _restore(tensors: dict[str, Tensor], state: TrainingState) -> None:
    with torch.no_grad():
        for name, parameter in state.model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
