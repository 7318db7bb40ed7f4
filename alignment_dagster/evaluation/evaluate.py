"""The evaluation job: every suite with every checkpoint, and the held-out losses, as Parquet.

`python -m alignment_dagster.evaluation.evaluate CONFIG.json`
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from alignment_dagster.engines.devices import (
    describe,
    find_device,
    memory_advice,
    set_determinism,
)
from alignment_dagster.evaluation.answers import (
    GENERATIONS,
    ITEMS,
    FreeSuite,
    generated_rows,
    item_rows,
)
from alignment_dagster.evaluation.canary_probes import PROBES, probe_rows
from alignment_dagster.evaluation.job import EvaluationJob
from alignment_dagster.evaluation.judges import (
    judge_metrics,
    make_judge,
)
from alignment_dagster.evaluation.model.losses import (
    LOSSES,
    document_losses,
    read_held_out_documents,
)
from alignment_dagster.evaluation.suites.formats import Prompt, make_prompts
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.errors import ArtifactError, DataError
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names

SECONDS_BETWEEN_REPORTS = 1.0


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with its tokenizer."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True)
class PromptSet:
    """What every checkpoint is asked."""

    compared: Sequence[Prompt]
    free: Sequence[FreeSuite]

    @property
    def prompts(self) -> int:
        """How many there are."""
        return len(self.compared) + sum(len(suite.prompts) for suite in self.free)


Tables = tuple[pa.Table, pa.Table, pa.Table, pa.Table]
"""Answers to items, generated texts, losses, and how canaries' completions rank."""


def evaluate(job: EvaluationJob, progress: Progress) -> None:
    """Write `items.parquet`, `generations.parquet` and `losses.parquet` into the job's output.

    Where canaries have probes, `probes.parquet` too.

    Raises:
        AlignmentError: names the item, file or checkpoint that cannot be used.
    """
    torch.set_num_threads(job.evaluation.threads)
    device = find_device(job.device)
    if device.type != "cpu":
        set_determinism(job.determinism, job.evaluation.threads)
    started = time.monotonic()
    prompt_set = _make_prompt_set(job)
    _refuse_changes(job)
    with memory_advice(progress, device, "evaluation.batch_tokens", job.evaluation.batch_tokens):
        tables = [
            _evaluate_checkpoint(job, stage, prompt_set, progress, device)
            for stage in job.checkpoints
        ]
    _refuse_changes(job)
    output = Path(job.output)
    output.mkdir(parents=True, exist_ok=True)
    schemas = {
        file_names.ITEMS: ITEMS,
        file_names.GENERATIONS: GENERATIONS,
        file_names.LOSSES: LOSSES,
        file_names.PROBES: PROBES,
    }
    for (name, schema), found in zip(schemas.items(), zip(*tables, strict=True), strict=True):
        if name != file_names.PROBES or job.canaries:
            _write(output / name, schema, found)
    seconds = time.monotonic() - started
    count = prompt_set.prompts * len(job.checkpoints)
    judge_results = {
        f"{free.suite.name}_{name}": value
        for free in prompt_set.free
        if free.suite.scorer is not None
        for name, value in judge_metrics(free.suite.scorer, free.judge).items()
    }
    progress.result(
        **describe(device, job.determinism),
        seconds=seconds,
        prompts=count,
        prompts_per_second=count / seconds,
        **judge_results,
    )


def _make_prompt_set(job: EvaluationJob) -> PromptSet:
    """All prompts, in the order of the suites; judges are made ready first."""
    assets = Path(job.assets)
    by_suite = {
        suite.name: list(make_prompts(suite, load_suite(suite, assets))) for suite in job.suites
    }
    free = [
        FreeSuite(suite, by_suite[suite.name], make_judge(suite.scorer, assets))
        for suite in job.suites
        if not suite.has_options and suite.scorer is not None
    ]
    compared = [
        prompt for suite in job.suites if suite.has_options for prompt in by_suite[suite.name]
    ]
    return PromptSet(compared, free)


def _refuse_changes(job: EvaluationJob) -> None:
    for suite in job.suites:
        if content_digest(suite, Path(job.assets)) != job.digests.get(suite.name):
            message = "its items or word lists changed after the evaluation was started"
            raise DataError(f"suite {suite.name}: {message}: run it again")


def load_checkpoint(folder: Path, device: torch.device | str) -> Checkpoint:
    """The model and tokenizer of a folder: safetensors, local files, no remote code.

    Raises:
        ArtifactError: names the folder and what is wrong with it.
    """
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"{folder}: there is no checkpoint here (no config.json)")
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **local
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
    except Exception as error:
        # Broken files raise errors of many libraries; each means that the checkpoint is unusable.
        raise ArtifactError(f"{folder}: the checkpoint does not load: {error}") from error
    return Checkpoint(model.to(device).eval(), tokenizer)


def _evaluate_checkpoint(
    job: EvaluationJob,
    stage: str,
    prompt_set: PromptSet,
    progress: Progress,
    device: torch.device,
) -> Tables:
    checkpoint = load_checkpoint(Path(job.checkpoints[stage]), device)
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    bounds = (job.sequence_length, job.evaluation.batch_tokens)
    report = _reporter(progress, f"{stage}: items", "options")
    items = [item_rows(model, tokenizer, stage, prompt_set.compared, *bounds, report)]
    generations = []
    for free in prompt_set.free:
        report = _reporter(progress, f"{stage}: {free.suite.name}", "answers")
        answers, texts = generated_rows(model, tokenizer, stage, free, *bounds, report)
        items.append(answers)
        generations.append(texts)
    losses = _losses(job, stage, checkpoint, progress)
    probes = probe_rows(model, tokenizer, stage, job.canaries, *bounds)
    return pa.concat_tables(items), _concat(GENERATIONS, generations), losses, probes


def _losses(job: EvaluationJob, stage: str, checkpoint: Checkpoint, progress: Progress) -> pa.Table:
    limit = job.evaluation.held_out_documents
    corpora = [[Path(path) for path in shards] for shards in job.held_out]
    losses = document_losses(
        checkpoint.model,
        checkpoint.tokenizer,
        stage,
        read_held_out_documents(Path(job.documents), corpora, limit),
        job.sequence_length,
        job.evaluation.batch_tokens,
        _reporter(progress, f"{stage}: held-out documents", "windows"),
    )
    for document, nll in zip(losses["document_id"], losses["nll"], strict=True):
        if not math.isfinite(nll.as_py()):
            raise DataError(
                f"{job.checkpoints[stage]}: the loss of held-out document {document} is {nll}"
            )
    return losses


def _reporter(progress: Progress, stage: str, unit: str) -> Callable[[int, int], None]:
    last = time.monotonic() - SECONDS_BETWEEN_REPORTS

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= SECONDS_BETWEEN_REPORTS:
            last = now
            progress.report(stage, done, total, unit)

    return report


def _concat(schema: pa.Schema, tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *tables])


def _write(path: Path, schema: pa.Schema, tables: Sequence[pa.Table]) -> None:
    pq.write_table(_concat(schema, tables), path, compression="zstd")


def main(argv: list[str] | None = None) -> int:
    """Run the job of a configuration file; the exit code is 3 after a user's mistake."""
    return run_job(evaluate, EvaluationJob, argv)


if __name__ == "__main__":
    sys.exit(main())
