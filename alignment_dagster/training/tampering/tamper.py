"""The tampering job: further fine-tuning, measured on the way.

`python -m alignment_dagster.training.tampering.tamper CONFIG.json`

Each tampering starts from the post-trained checkpoint and has nothing to do with the others. One
that is finished lies in `work` with the digests of its files; a killed job starts again at the
beginning of the tampering that it was in.
"""

import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from alignment_dagster.engines.devices import (
    describe,
    find_one_device,
    memory_advice,
    set_determinism,
)
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.freed_memory import keep_freed_memory
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.code_digest import code_digest
from alignment_dagster.lineage.provenance import RESUMED_FROM
from alignment_dagster.study import Suite, Tampering
from alignment_dagster.training.machine import (
    KEPT,
    StopRequest,
    peak_memory_bytes,
    stop_requests,
)
from alignment_dagster.training.model_folder import read_model, read_tokenizer
from alignment_dagster.training.post_training import finished_stages
from alignment_dagster.training.post_training.chat_data import (
    ChatEncoder,
    Conversation,
    Selection,
    read_kept_ids,
    select,
)
from alignment_dagster.training.post_training.lora import add_adapters, merge_adapters
from alignment_dagster.training.post_training.sft import RecordingSFTTrainer, supervise
from alignment_dagster.training.post_training.trl_stage import StageContext, StageRecord
from alignment_dagster.training.step_log import POST_TRAINING_SCHEMA, write_log
from alignment_dagster.training.tampering.erosion import Erosion, MeasurementCallback, Questions
from alignment_dagster.training.tampering.job import TamperJob, measured_suites

TABLES = (file_names.ITEMS, file_names.LOSSES, file_names.CURVE)
LIBRARIES = ("torch", "transformers", "trl", "peft")
WARMUP_STEPS = 4


class ConstantRateTrainer(RecordingSFTTrainer):
    """The rate rises over the first four steps, in equal parts, and then stays.

    So the curve depends on the steps taken and not on the budget: a longer tampering begins with
    the shorter one.
    """

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> LambdaLR:
        """Called by the trainer before its first step."""
        self.lr_scheduler = LambdaLR(
            optimizer or self.optimizer, lambda step: min(1.0, (step + 1) / WARMUP_STEPS)
        )
        return self.lr_scheduler


def main(argv: list[str] | None = None) -> int:
    """Run from a configuration file; see `foundation.job.run_job` for the exit codes."""
    return run_job(tamper, TamperJob, argv)


def tamper(job: TamperJob, progress: Progress) -> None:
    """Fine-tune and measure once for each declared tampering, and fill `job.output`.

    Raises:
        AlignmentError: if the checkpoint, the data or a suite cannot be used, or a loss or an
            answer is not finite.
        SystemExit: 130 or 143 after SIGINT or SIGTERM.
    """
    set_determinism(job.determinism, job.tamperings[0].threads)
    keep_freed_memory(KEPT)
    with stop_requests() as stop:
        run = Tamperings(job, progress, stop)
        records = [run.make(tampering) for tampering in job.tamperings]
    _write(job, records)
    progress.result(**run.measured)
    for record in records:
        shutil.rmtree(Path(job.work) / record.stage)


class Tamperings:
    """All tamperings of one job, each reused if it was finished before."""

    def __init__(self, job: TamperJob, progress: Progress, stop: StopRequest) -> None:
        self.job = job
        self.work = Path(job.work)
        self.tokenizer = read_tokenizer(self._start(job.tamperings[0]))
        self.encoder = ChatEncoder(self.tokenizer)
        self.questions = Questions(job, self.tokenizer)
        device = find_one_device(job.device)
        self.context = StageContext(self.work, device, job.seed, progress, stop)
        self.measured: dict[str, float | str] = {**describe(device, job.determinism)}
        self._begun: dict[str, Erosion] = {}

    def make(self, tampering: Tampering) -> StageRecord:
        """Fine-tune and measure, unless that was done before."""
        torch.set_num_threads(tampering.threads)
        began = time.perf_counter()
        selection = self._select(tampering)
        erosion = self.questions.of(tampering)
        identity = self._identity(tampering, selection, erosion)
        place = self.work / tampering.name
        record = finished_stages.load(place, identity, self.context.progress.say)
        if record is None:
            number = self.job.tamperings.index(tampering)
            setting, size = f"tampering.{number}.batch_size", tampering.batch_size
            with memory_advice(self.context.progress, self.context.device, setting, size):
                record = self._run(tampering, selection.examples, erosion, identity)
        self._record_metrics(tampering, selection, record, time.perf_counter() - began)
        return record

    def _run(
        self,
        tampering: Tampering,
        examples: list[Conversation],
        erosion: Erosion,
        identity: str,
    ) -> StageRecord:
        start = self._start(tampering)
        model = read_model(start).to(self.context.device)
        self._begin(tampering, erosion, model)
        if tampering.method == "lora":
            model = add_adapters(model, tampering.lora_rank, self.job.seed)
        record = StageRecord(tampering.name)
        settings = {
            "max_steps": tampering.steps,
            "per_device_train_batch_size": tampering.batch_size,
            "learning_rate": tampering.learning_rate,
        }
        observer = MeasurementCallback(model, record, tampering.steps, erosion.measure)
        supervise(
            ConstantRateTrainer,
            model,
            self.tokenizer,
            examples,
            record,
            self.context,
            settings,
            [observer],
        )
        place = self.work / tampering.name
        finished_stages.save(
            place, identity, merge_adapters(model), start, record, erosion.tables()
        )
        return record

    def _begin(self, tampering: Tampering, erosion: Erosion, model: Any) -> None:
        """Point 0; tamperings that begin alike share it."""
        asked = [suite.model_dump(mode="json") for suite in self._suites(tampering)]
        key = sha256_json([tampering.start, tampering.threads, asked])
        if key in self._begun:
            erosion.begin_like(self._begun[key])
        else:
            erosion.measure(model, 0, 0)
            self._begun[key] = erosion

    def _suites(self, tampering: Tampering) -> tuple[Suite, ...]:
        return measured_suites(tampering, self.job.suites)

    def _start(self, tampering: Tampering) -> Path:
        return Path(self.job.checkpoint) / tampering.start

    def _select(self, tampering: Tampering) -> Selection[Conversation]:
        data = self.job.data[tampering.source]
        kept = read_kept_ids(Path(data.dispositions), data.use)
        encode = self.encoder.conversation
        return select(data.documents, kept, encode, None, self.job.sequence_length)

    def _identity(
        self, tampering: Tampering, selection: Selection[Conversation], erosion: Erosion
    ) -> str:
        """Hex SHA-256 of all that decides the bytes of a tampering's result."""
        start = self._start(tampering)
        asked = [(prompt.item.item_id, prompt.format) for prompt in erosion.prompts]
        return sha256_json(
            {
                "declared": tampering.model_dump(mode="json"),
                "suites": [suite.model_dump(mode="json") for suite in self._suites(tampering)],
                "job": [
                    self.job.seed,
                    self.context.device.type,
                    self.job.determinism,
                    self.job.sequence_length,
                    self.job.batch_tokens,
                ],
                "weights": sha256_file(start / "model.safetensors"),
                "tokenizer": sha256_file(start / "tokenizer.json"),
                "examples": [vars(example) for example in selection.examples],
                "asked": asked,
                "held_out": [vars(document) for document in erosion.held_out],
                "code": code_digest("training/tampering/tamper.py"),
                "libraries": {name: version(name) for name in LIBRARIES},
            }
        )

    def _record_metrics(
        self,
        tampering: Tampering,
        selection: Selection[Conversation],
        record: StageRecord,
        seconds: float,
    ) -> None:
        weights = self._start(tampering) / "model.safetensors"
        self.measured |= {
            f"{tampering.name}_seconds": seconds,
            f"{tampering.name}_examples": len(selection.examples),
            f"{tampering.name}_left_out_as_too_long": selection.too_long,
            f"{tampering.name}_tokens": record.ledger.tokens,
            f"{tampering.name}_final_loss": float(record.log[-1]["loss"] or 0),
            f"{tampering.start}_weights_sha256": sha256_file(weights),
            "peak_memory_bytes": peak_memory_bytes(self.context.device),
        }
        if record.resumed_from:
            self.measured[f"{tampering.name}_{RESUMED_FROM}"] = record.resumed_from


def _write(job: TamperJob, records: list[StageRecord]) -> None:
    output = Path(job.output)
    for record in records:
        folder = Path(job.work) / record.stage
        shutil.copytree(folder / finished_stages.MODEL, output / record.stage, dirs_exist_ok=True)
        shutil.copyfile(
            folder / file_names.CONSUMPTION, output / f"{record.stage}_{file_names.CONSUMPTION}"
        )
    for name in TABLES:
        parts = [pq.read_table(Path(job.work, record.stage, name)) for record in records]
        pq.write_table(pa.concat_tables(parts), output / name, compression="zstd")
    rows: list[Any] = [row for record in records for row in record.log]
    write_log(output / file_names.TRAINING_LOG, rows, POST_TRAINING_SCHEMA)


if __name__ == "__main__":
    sys.exit(main())
