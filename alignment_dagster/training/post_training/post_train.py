"""The post-training job: SFT, then DPO, then GRPO where it is declared.

`python -m alignment_dagster.training.post_training.post_train CONFIG.json`

A stage that is finished lies in `work` with the digests of its files; a killed job starts again
at the beginning of the stage that it was in.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignment_dagster.engines.devices import (
    describe,
    find_one_device,
    memory_advice,
    set_determinism,
)
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.freed_memory import keep_freed_memory
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.code_digest import code_digest
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import RESUMED_FROM
from alignment_dagster.study import (
    GroupPolicyOptimisation,
    PreferenceOptimisation,
    SupervisedFineTuning,
)
from alignment_dagster.training.jobs import PostTrainJob
from alignment_dagster.training.machine import (
    KEPT,
    StopRequest,
    peak_memory_bytes,
    stop_requests,
)
from alignment_dagster.training.model_folder import read_model, read_tokenizer
from alignment_dagster.training.post_training import finished_stages
from alignment_dagster.training.post_training.answer_reward import bind_reward, find_rewarder
from alignment_dagster.training.post_training.chat_data import (
    AnyExample,
    ChatEncoder,
    Conversation,
    Pair,
    Question,
    Selection,
    read_kept_ids,
    select,
    take_tokens,
)
from alignment_dagster.training.post_training.dpo import optimise_preferences
from alignment_dagster.training.post_training.grpo import optimise_reward
from alignment_dagster.training.post_training.sft import fine_tune
from alignment_dagster.training.post_training.trl_stage import (
    StageContext,
    StageRecord,
)
from alignment_dagster.training.step_log import POST_TRAINING_SCHEMA, write_log

LIBRARIES = ("torch", "transformers", "trl")
Declared = SupervisedFineTuning | PreferenceOptimisation | GroupPolicyOptimisation


def main(argv: list[str] | None = None) -> int:
    """Run from a configuration file; see `foundation.job.run_job` for the exit codes."""
    return run_job(post_train, PostTrainJob, argv)


def post_train(job: PostTrainJob, progress: Progress) -> None:
    """Fine-tune on conversations, on preferences, and by a declared reward; fill `job.output`.

    Raises:
        AlignmentError: if the checkpoint or the data cannot be used, or a loss is not finite.
        SystemExit: 130 or 143 after SIGINT or SIGTERM.
    """
    set_determinism(job.determinism, job.post_training.threads)
    keep_freed_memory(KEPT)
    with stop_requests() as stop:
        run = PostTraining(job, progress, stop)
        grpo = job.post_training.grpo
        # What cannot be asked is seen before anything is trained.
        questions = None if grpo is None else run.questions(grpo)
        records = [run.sft(), run.dpo()]
        if grpo is not None and questions is not None:
            records.append(run.grpo(grpo, questions))
    _write(job, records)
    progress.result(**run.measured)
    for record in records:
        shutil.rmtree(Path(job.work) / record.stage)


class PostTraining:
    """The stages of one job, each reused if it was finished before."""

    def __init__(self, job: PostTrainJob, progress: Progress, stop: StopRequest) -> None:
        self.job = job
        self.start = Path(job.checkpoint) / "model"
        self.work = Path(job.work)
        self.tokenizer = read_tokenizer(self.start)
        self.encoder = ChatEncoder(self.tokenizer)
        device = find_one_device(job.device)
        self.context = StageContext(self.work, device, job.seed, progress, stop)
        self.measured: dict[str, float | str] = {
            **describe(device, job.determinism),
            "checkpoint_weights_sha256": sha256_file(self.start / "model.safetensors"),
        }

    def sft(self) -> StageRecord:
        """Fine-tune the checkpoint on the kept conversations."""
        declared = self.job.post_training.sft
        encode = self.encoder.conversation
        selection: Selection[Conversation] = self._select(self.job.chat, "sft", encode, declared)
        if self.job.own_chat:
            every = declared.model_copy(update={"examples": None})
            found = self._select(self.job.own_chat, "sft", encode, every)
            own = take_tokens(found, self.job.own_tokens, self.job.own_repeats)
            selection.examples.extend(own.examples)
            self.measured["sft_own_examples"] = len(own.examples)
        return self._stage(
            "sft",
            self.start,
            selection,
            declared,
            lambda model: fine_tune(
                model, self.tokenizer, selection.examples, declared, self.context
            ),
        )

    def dpo(self) -> StageRecord:
        """Optimise the SFT model on the kept preference pairs, with itself as the reference."""
        declared = self.job.post_training.dpo
        selection: Selection[Pair] = self._select(
            self.job.preferences, "dpo", self.encoder.pair, declared
        )
        start = self.work / "sft" / finished_stages.MODEL
        return self._stage(
            "dpo",
            start,
            selection,
            declared,
            lambda model: optimise_preferences(
                model,
                read_model(start),
                self.tokenizer,
                selection.examples,
                declared,
                self.context,
            ),
        )

    def questions(self, declared: GroupPolicyOptimisation) -> Selection[Question]:
        """Those of the kept conversations that leave room for an answer and fill whole steps.

        Raises:
            DataError: if they do not fill one.
        """
        encode = partial(self.encoder.question, answer_tokens=declared.answer_tokens)
        try:
            found: Selection[Question] = self._select(self.job.questions, "sft", encode, declared)
        except DataError as error:
            tokens = f"post_training.grpo.answer_tokens ({declared.answer_tokens})"
            raise DataError(f"{tokens}: {error}") from None
        step = declared.questions_a_step
        if len(found.examples) < step:
            raise DataError(
                f"post_training.grpo.batch_size: a step asks {step} questions, and there are "
                f"{len(found.examples)}"
            )
        whole = len(found.examples) // step * step
        return replace(found, examples=found.examples[:whole])

    def grpo(
        self, declared: GroupPolicyOptimisation, selection: Selection[Question]
    ) -> StageRecord:
        """Optimise the reward of the DPO model's answers to the questions."""
        assets, trained = Path(self.job.assets or ""), self.job.classifier
        scorer = find_rewarder(declared.reward, assets, Path(trained) if trained else None)
        ask = bind_reward(declared.reward, scorer, assets)
        record = self._stage(
            "grpo",
            self.work / "dpo" / finished_stages.MODEL,
            selection,
            declared,
            lambda model: optimise_reward(
                model, self.tokenizer, selection.examples, declared, ask, self.context
            ),
        )
        for name, row in (("first", record.log[0]), ("last", record.log[-1])):
            self.measured[f"grpo_{name}_reward"] = float(row["reward"] or 0)
        return record

    def _select(
        self,
        files: tuple[str, ...],
        use: str,
        encode: Callable[[str, Any], AnyExample],
        declared: Declared,
    ) -> Selection[AnyExample]:
        """What is kept for a use, and fits."""
        kept = read_kept_ids(Path(self.job.dispositions), use)
        return select(files, kept, encode, declared.examples, self.job.sequence_length)

    def _stage(
        self,
        stage: str,
        start: Path,
        selection: Selection[Any],
        declared: Declared,
        run: Callable[[Any], StageRecord],
    ) -> StageRecord:
        identity = self._identity(start, selection, declared)
        began = time.perf_counter()
        record = finished_stages.load(self.work / stage, identity, self.context.progress.say)
        if record is None:
            model = read_model(start)
            setting = f"post_training.{stage}.batch_size"
            context, size = self.context, declared.batch_size
            with memory_advice(context.progress, context.device, setting, size):
                record = run(model)
            folder = self.work / stage
            finished_stages.save(folder, identity, model, self.start, record, record.tables)
        self.measured |= {
            f"{stage}_seconds": time.perf_counter() - began,
            f"{stage}_examples": len(selection.examples),
            f"{stage}_left_out_as_too_long": selection.too_long,
            f"{stage}_kept_documents": selection.available,
            f"{stage}_tokens": record.ledger.tokens,
            f"{stage}_final_loss": float(record.log[-1]["loss"] or 0),
            "peak_memory_bytes": peak_memory_bytes(self.context.device),
        }
        if record.resumed_from:
            self.measured[f"{stage}_{RESUMED_FROM}"] = record.resumed_from
        return record

    def _identity(
        self,
        start: Path,
        selection: Selection[Any],
        declared: Declared,
    ) -> str:
        """Hex SHA-256 of all that decides the bytes of a stage's result."""
        trained = isinstance(declared, GroupPolicyOptimisation) and self.job.classifier
        return sha256_json(
            {
                "declared": declared.model_dump(mode="json"),
                "job": [
                    self.job.seed,
                    self.job.post_training.threads,
                    self.context.device.type,
                    self.job.determinism,
                ],
                "weights": sha256_file(start / "model.safetensors"),
                "tokenizer": sha256_file(start / "tokenizer.json"),
                "examples": [vars(example) for example in selection.examples],
                **({"classifier": Manifest.of(Path(trained)).digest} if trained else {}),
                "code": code_digest("training/post_training/post_train.py"),
                "libraries": {name: version(name) for name in LIBRARIES},
            }
        )


def _write(job: PostTrainJob, records: list[StageRecord]) -> None:
    output = Path(job.output)
    for record in records:
        folder = Path(job.work) / record.stage
        shutil.copytree(folder / finished_stages.MODEL, output / record.stage, dirs_exist_ok=True)
        shutil.copyfile(
            folder / file_names.CONSUMPTION, output / f"{record.stage}_{file_names.CONSUMPTION}"
        )
        if (rollouts := folder / file_names.ROLLOUTS).exists():
            shutil.copyfile(rollouts, output / file_names.ROLLOUTS)
    rows = [row for record in records for row in record.log]
    write_log(output / file_names.TRAINING_LOG, rows, POST_TRAINING_SCHEMA)


if __name__ == "__main__":
    sys.exit(main())
