"""Checkpoints for an exact resume: weights, optimizer, random state, and the ledgers so far.

A checkpoint is written aside and renamed into place; only the newest stays. It carries a digest
of each of its files and the identity of the job that wrote it, under a seal. One that does not fit
is not used: training then starts anew, which gives the same bytes and only costs time. Several
processes write each what it holds; any number of them goes on from there.

A kept state is the same, whole, and stays: the artifact holds it, and training can be replayed from
it.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load

from alignment_dagster.foundation.atomic_files import atomic_folder
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.work_seals import is_sealed, seal
from alignment_dagster.lineage import file_names
from alignment_dagster.training.consumption import Ledger
from alignment_dagster.training.pretraining.training_state import TrainingState
from alignment_dagster.training.step_log import read_log

PREFIX = "checkpoint-"
ASIDE = "unfinished-checkpoint"
TENSORS = file_names.STATE_TENSORS
STATE = "checkpoint.json"
SEAL = "checkpoint.seal"
"""Of the work folder alone: artifacts are signed, and the same whoever makes them."""


def folder_of(work: Path, step: int) -> Path:
    """Where a job's work folder holds the checkpoint of a step."""
    return work / f"{PREFIX}{step:08d}"


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
            places = [folder_of(work, step)]
            if step in state_steps:
                places.insert(0, state_folder(work, step))
            for place in (one for one in places if not one.exists()):
                place.parent.mkdir(parents=True, exist_ok=True)
                with atomic_folder(place, aside=work / ASIDE):
                    shutil.copytree(state_folder(folder, step), work / ASIDE, dirs_exist_ok=True)
                    sealed = json.loads((work / ASIDE / STATE).read_text(encoding="utf-8"))
                    (work / ASIDE / SEAL).write_text(seal(sealed["content"]), encoding="utf-8")


def find(
    work: Path, identity: str, say: Callable[[str], None], state_steps: Collection[int] = ()
) -> int:
    """The step of the newest usable checkpoint; 0 where there is none.

    One that does not fit is said and deleted; one that lacks a state of `state_steps` before its
    own step does not fit either. Kept states that nobody wants are deleted, too.
    """
    found = 0
    for folder in reversed(_checkpoints(work)):
        problem = _find_problem(folder, identity) or _find_state_problem(
            folder, identity, sorted(state_steps)
        )
        if not problem:
            found = int(folder.name.removeprefix(PREFIX))
            break
        say(f"{folder.name} is not resumed from: {problem}")
        shutil.rmtree(folder)
    for step in saved_steps(work):
        if step > found or step not in state_steps:
            shutil.rmtree(state_folder(work, step))
    return found


def resume(work: Path, step: int, state: TrainingState, say: Callable[[str], None]) -> None:
    """Put the checkpoint of a step, which was found to fit, into `state`."""
    folder = folder_of(work, step)
    restore(folder, state)
    state.resumed_from = json.loads((folder / STATE).read_text(encoding="utf-8"))["digest"]
    say(f"resumed after step {state.step} from state {state.resumed_from[:16]}")


def go_on_from(folder: Path, state: TrainingState, *, same_mix: bool) -> None:
    """Put a trunk's kept state into `state`, unchecked; what was recorded of it stays with it."""
    restore(folder, state)
    state.log_before = state.log if same_mix else []
    state.ledger, state.log = Ledger(before=state.ledger.last), []


def restore(folder: Path, state: TrainingState) -> None:
    """Put what a checkpoint or a kept state holds into `state`, unchecked."""
    whole = folder / TENSORS
    state.put(load_file(whole) if whole.exists() else _read_shards(folder, state))
    state.ledger = Ledger.read(folder / file_names.CONSUMPTION, state.ledger.before)
    state.log = read_log(folder / file_names.TRAINING_LOG)


def delete_all(work: Path) -> None:
    """Delete the checkpoints and kept states of a job that is done."""
    for folder in _checkpoints(work):
        shutil.rmtree(folder)
    shutil.rmtree(work / file_names.STATES, ignore_errors=True)


def delete_all_but(newest: Path) -> None:
    """Delete the checkpoints beside one."""
    for older in _checkpoints(newest.parent):
        if older != newest:
            shutil.rmtree(older)


def files_of(folder: Path) -> list[str]:
    """What a checkpoint holds: tensors, whole or in shards, ledger and log."""
    tensors = sorted(path.name for path in folder.glob(f"*{Path(TENSORS).suffix}"))
    return [*tensors, file_names.CONSUMPTION, file_names.TRAINING_LOG]


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
        if content["files"].keys() != set(files_of(folder)):
            return "it holds other files"
        for name, digest in content["files"].items():
            if digest != sha256_file(folder / name):
                return f"{name} was altered"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"it is incomplete ({error!r})"
    return None


def _read_shards(folder: Path, state: TrainingState) -> dict[str, Tensor]:
    """Of every tensor the part that this process holds, however many processes wrote it."""
    own, in_groups = dict(state.model.named_parameters()), state.names_in_groups()
    reader = HuggingFaceStorageReader(str(folder))
    tensors = {}
    for key, stored in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(stored, TensorStorageMetadata)
        kind, which, *_ = key.split(".")
        name = in_groups[int(which)] if kind == "optimizer" else key.removeprefix("model.")
        like = own.get(name)
        tensors[key] = (
            torch.zeros_like(like, requires_grad=False)
            if like is not None and like.shape == stored.size
            else torch.zeros(stored.size, dtype=stored.properties.dtype)
        )
    with warnings.catch_warnings():
        # That one process alone reads them is meant.
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        load(tensors, storage_reader=reader)
    return tensors
