"""Writes a job's checkpoints: at once, or each process its own shards while training goes on."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import async_save

from alignment_dagster.foundation.atomic_files import atomic_folder
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.work_seals import seal
from alignment_dagster.lineage import file_names
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.ranks import Ranks
from alignment_dagster.training.pretraining.training_state import TrainingState
from alignment_dagster.training.step_log import write_log


class Writer:
    """All processes of a job ask for each of its checkpoints; the leading one puts it in place."""

    def __init__(self, work: Path, identity: str, ranks: Ranks, device: torch.device) -> None:
        self._work, self._identity = work, identity
        self._ranks, self._device = ranks, device
        self._finisher = ThreadPoolExecutor(1)
        self._pending: list[Future[object]] = []
        # What is written aside must not meet what the processes tell each other meanwhile.
        self._group = dist.new_group(backend="gloo") if ranks.processes > 1 else None

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint of this step; older ones are deleted once it is in place.

        Several processes go on once each has copied what it holds; `wait` waits for the rest.
        """
        final = checkpoint.folder_of(self._work, state.step)
        self.wait()
        if self._group is None:
            if not final.exists():
                with self._folder(final, state) as aside:
                    state.write(aside / checkpoint.TENSORS)
                checkpoint.delete_all_but(final)
            return
        with ExitStack() as stack:
            if self._ranks.leads:
                stack.enter_context(self._folder(final, state))
            self._ranks.maximum(0, self._device)
            storage = HuggingFaceStorageWriter(
                str(self._work / checkpoint.ASIDE), save_distributed=True
            )
            saved = async_save(state.tensors(), storage_writer=storage, process_group=self._group)
            assert isinstance(saved, Future)
            if self._ranks.leads:
                saved = self._finisher.submit(_finish, saved, stack.pop_all(), final)
        self._pending.append(saved)

    def save_state(self, state: TrainingState) -> None:
        """Write a state of this step, whole, that stays until `checkpoint.delete_all`."""
        final = checkpoint.state_folder(self._work, state.step)
        self.wait()
        with ExitStack() as stack:
            aside = self._work / checkpoint.ASIDE
            if self._ranks.leads:
                final.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(self._folder(final, state))
            state.write(aside / checkpoint.TENSORS, here=self._ranks.leads)

    def wait(self) -> None:
        """Wait until what was asked for is in place.

        Raises:
            OSError: if it could not be written.
        """
        while self._pending:
            self._pending.pop().result()

    @contextmanager
    def _folder(self, final: Path, state: TrainingState) -> Iterator[Path]:
        """A folder to put the tensors into; it is sealed and gets its name at the end."""
        step = state.step
        self._work.mkdir(parents=True, exist_ok=True)
        with atomic_folder(final, aside=self._work / checkpoint.ASIDE) as aside:
            state.ledger.write(aside / file_names.CONSUMPTION, SEQUENCES_SCHEMA)
            write_log(aside / file_names.TRAINING_LOG, state.log, state.log_schema)
            yield aside
            files = {name: sha256_file(aside / name) for name in checkpoint.files_of(aside)}
            content = {"identity": self._identity, "step": step, "files": files}
            sealed = {"content": content, "digest": sha256_json(content)}
            (aside / checkpoint.STATE).write_text(json.dumps(sealed), encoding="utf-8")
            (aside / checkpoint.SEAL).write_text(seal(content), encoding="utf-8")


def _finish(saved: Future[object], rest: ExitStack, final: Path) -> None:
    with rest:
        saved.result()
    checkpoint.delete_all_but(final)
