"""Checkpoints for an exact resume: weights, optimizer, random state, and the ledgers so far.

A checkpoint is written aside and renamed into place; only the newest stays. It carries a digest
of each of its files and the identity of the job that wrote it, under a seal. One that does not fit
is not used: training then starts anew, which gives the same bytes and only costs time.

A kept state is the same, but stays: the artifact holds it, and training can be replayed from it.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from alignment_dagster.foundation.atomic_files import atomic_folder
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.work_seals import is_sealed, seal
from alignment_dagster.lineage import file_names
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA, Ledger
from alignment_dagster.training.pretraining.value_head import NAME
from alignment_dagster.training.step_log import PRETRAINING_SCHEMA, LogRow, read_log, write_log

PREFIX = "checkpoint-"
ASIDE = "unfinished-checkpoint"
TENSORS = file_names.STATE_TENSORS
STATE = "checkpoint.json"
SEAL = "checkpoint.seal"
"""Of the work folder alone: artifacts are signed, and the same whoever makes them."""
VALUE_HEAD = {f"{NAME}.weight": 2, f"{NAME}.bias": 1}
"""Of its parameters the number of dimensions; they are the last of a model."""


@dataclass
class TrainingState:
    """Everything that the next optimizer step depends on, and what was recorded so far."""

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


def save(work: Path, identity: str, state: TrainingState) -> None:
    """Write a checkpoint of this step; older ones are deleted once it is in place."""
    final = work / f"{PREFIX}{state.step:08d}"
    if final.exists():
        return
    _write(final, work / ASIDE, identity, state)
    for older in _checkpoints(work):
        if older != final:
            shutil.rmtree(older)


def save_state(work: Path, identity: str, state: TrainingState) -> None:
    """Write a state of this step that stays until `delete_all`."""
    (work / file_names.STATES).mkdir(parents=True, exist_ok=True)
    _write(state_folder(work, state.step), work / ASIDE, identity, state)


def state_folder(folder: Path, step: int) -> Path:
    """Where a job's work folder, or the artifact, holds the state after a step."""
    return folder / file_names.state(step)


def saved_steps(folder: Path) -> list[int]:
    """The steps after which a state was kept."""
    return sorted(int(path.name) for path in (folder / file_names.STATES).glob("*"))


def take_over(work: Path, earlier: Iterable[Path], state_steps: Collection[int], last: int) -> None:
    """Put the states of earlier artifacts where `resume` looks, which finds out whether they fit.

    Args:
        earlier: folders of artifacts, verified by whoever names them.
        state_steps: the steps whose states are to be kept again.
        last: the last step that is wanted.
    """
    if _checkpoints(work):
        return
    for folder in earlier:
        for step in (one for one in saved_steps(folder) if one <= last):
            places = [work / f"{PREFIX}{step:08d}"]
            if step in state_steps:
                places.insert(0, state_folder(work, step))
            for place in (one for one in places if not one.exists()):
                place.parent.mkdir(parents=True, exist_ok=True)
                with atomic_folder(place, aside=work / ASIDE):
                    shutil.copytree(state_folder(folder, step), work / ASIDE, dirs_exist_ok=True)
                    sealed = json.loads((work / ASIDE / STATE).read_text(encoding="utf-8"))
                    (work / ASIDE / SEAL).write_text(seal(sealed["content"]), encoding="utf-8")


def resume(
    work: Path,
    identity: str,
    state: TrainingState,
    say: Callable[[str], None],
    state_steps: Collection[int] = (),
) -> None:
    """Put the newest usable checkpoint into `state`; one that does not fit is said and deleted.

    One that lacks a state of `state_steps` before its own step does not fit either.
    """
    for folder in reversed(_checkpoints(work)):
        problem = _find_problem(folder, identity) or _find_state_problem(
            folder, identity, sorted(state_steps)
        )
        if problem:
            say(f"{folder.name} is not resumed from: {problem}")
            shutil.rmtree(folder)
            continue
        restore(folder, state)
        state.resumed_from = json.loads((folder / STATE).read_text(encoding="utf-8"))["digest"]
        say(f"resumed after step {state.step} from state {state.resumed_from[:16]}")
        break
    for step in saved_steps(work):
        if step > state.step or step not in state_steps:
            shutil.rmtree(state_folder(work, step))


def go_on_from(folder: Path, state: TrainingState, *, same_mix: bool) -> None:
    """Put a trunk's kept state into `state`, unchecked; what was recorded of it stays with it."""
    restore(folder, state)
    state.log_before = state.log if same_mix else []
    state.ledger, state.log = Ledger(before=state.ledger.last), []


def restore(folder: Path, state: TrainingState) -> None:
    """Put what a checkpoint or a kept state holds into `state`, unchecked."""
    _restore(load_file(folder / TENSORS), state)
    state.ledger = Ledger.read(folder / file_names.CONSUMPTION, state.ledger.before)
    state.log = read_log(folder / file_names.TRAINING_LOG)


def tensors_digest(state: TrainingState, aside: Path) -> str:
    """Hex SHA-256 of the tensors' file that a checkpoint of this state would hold."""
    save_file(_tensors(state), aside)
    return sha256_file(aside)


def delete_all(work: Path) -> None:
    """Delete the checkpoints and kept states of a job that is done."""
    for folder in _checkpoints(work):
        shutil.rmtree(folder)
    shutil.rmtree(work / file_names.STATES, ignore_errors=True)


def _write(final: Path, aside: Path, identity: str, state: TrainingState) -> None:
    aside.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(final, aside=aside):
        save_file(_tensors(state), aside / TENSORS)
        state.ledger.write(aside / file_names.CONSUMPTION, SEQUENCES_SCHEMA)
        write_log(aside / file_names.TRAINING_LOG, state.log, state.log_schema)
        files = {
            name: sha256_file(aside / name)
            for name in (TENSORS, file_names.CONSUMPTION, file_names.TRAINING_LOG)
        }
        content = {"identity": identity, "step": state.step, "files": files}
        sealed = {"content": content, "digest": sha256_json(content)}
        (aside / STATE).write_text(json.dumps(sealed), encoding="utf-8")
        (aside / SEAL).write_text(seal(content), encoding="utf-8")


def _checkpoints(work: Path) -> list[Path]:
    return sorted(work.glob(f"{PREFIX}*"))


def _find_state_problem(
    checkpoint: Path, identity: str, state_steps: Collection[int]
) -> str | None:
    """Why a state that was to be kept before a checkpoint cannot be; None where all can."""
    last = int(checkpoint.name.removeprefix(PREFIX))
    for step in state_steps:
        folder = state_folder(checkpoint.parent, step)
        if step <= last and (problem := _find_problem(folder, identity)):
            return f"the state kept after step {step}: {problem}"
    return None


def _find_problem(folder: Path, identity: str) -> str | None:
    try:
        sealed = json.loads((folder / STATE).read_text(encoding="utf-8"))
        content = sealed["content"]
        if sealed["digest"] != sha256_json(content):
            return f"{STATE} was altered"
        if not is_sealed(content, (folder / SEAL).read_text(encoding="utf-8")):
            return "no run of this home wrote it"
        if content["identity"] != identity:
            return "it belongs to another configuration"
        for name in (TENSORS, file_names.CONSUMPTION, file_names.TRAINING_LOG):
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
    """A value head that only one of both has begins anew, or is left behind."""
    own = dict(state.model.named_parameters())
    decoder = {name: one.dim() for name, one in own.items() if name not in VALUE_HEAD}
    heads = {name: dim for name, dim in VALUE_HEAD.items() if f"model.{name}" in tensors}
    with torch.no_grad():
        for name in (*decoder, *(one for one in heads if one in own)):
            if own[name].shape != tensors[f"model.{name}"].shape:
                raise ArtifactError(
                    f"{name} has another shape in the state that is gone on from: where positions "
                    "are weights, no stage can have another sequence_length"
                )
            own[name].copy_(tensors[f"model.{name}"])
    here = {
        name: place for place, name in enumerate(_in_groups({n: p.dim() for n, p in own.items()}))
    }
    there = _in_groups({**decoder, **heads})
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, moment = key.split(".")
            if (place := here.get(there[int(index)])) is not None:
                moments.setdefault(place, {})[moment] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])


def _in_groups(dimensions: Mapping[str, int]) -> list[str]:
    """The parameters in the order of the optimizer: matrices first."""
    return [
        *(name for name, dim in dimensions.items() if dim >= 2),
        *(name for name, dim in dimensions.items() if dim < 2),
    ]
