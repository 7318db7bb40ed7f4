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

from alignment_dagster.errors import ArtifactError, DataError
from alignment_dagster.evaluation.encoding import Encoder
from alignment_dagster.evaluation.formats import Prompt, check_formats, prompts
from alignment_dagster.evaluation.job import EvaluationJob
from alignment_dagster.evaluation.losses import LOSSES, document_losses, held_out_documents
from alignment_dagster.evaluation.scoring import score
from alignment_dagster.evaluation.suites import load_suite
from alignment_dagster.progress import Progress, run_job

ITEMS_FILE = "items.parquet"
LOSSES_FILE = "losses.parquet"
SECONDS_BETWEEN_REPORTS = 1.0

ITEMS = pa.schema(
    [
        ("suite", pa.string()),
        ("item_id", pa.string()),
        ("scenario_id", pa.string()),
        ("topic", pa.string()),
        ("stage", pa.string()),
        ("format", pa.string()),
        ("option_order", pa.int8()),
        ("system_prompt", pa.string()),
        ("target", pa.int8()),
        ("log_probabilities", pa.list_(pa.float64())),
        ("tokens", pa.list_(pa.int32())),
        ("choice", pa.int8()),
        ("hit", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with its tokenizer."""

    model: Any
    tokenizer: Any


def evaluate(job: EvaluationJob, progress: Progress) -> None:
    """Write `items.parquet` and `losses.parquet` into the job's output folder.

    Raises:
        AlignmentError: names the item, file or checkpoint that cannot be used.
    """
    torch.set_num_threads(job.evaluation.threads)
    started = time.monotonic()
    for suite in job.suites:
        check_formats(suite)
    asked = [
        prompt
        for suite in job.suites
        for prompt in prompts(suite, load_suite(suite, Path(job.assets)))
    ]
    tables = [_stage(job, stage, asked, progress) for stage in job.checkpoints]
    output = Path(job.output)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / ITEMS_FILE, ITEMS, [items for items, _ in tables])
    _write(output / LOSSES_FILE, LOSSES, [losses for _, losses in tables])
    seconds = time.monotonic() - started
    asked_in_all = len(asked) * len(job.checkpoints)
    progress.result(
        seconds=seconds, prompts=asked_in_all, prompts_per_second=asked_in_all / seconds
    )


def load_checkpoint(folder: Path, device: str) -> Checkpoint:
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


def _stage(
    job: EvaluationJob, stage: str, asked: Sequence[Prompt], progress: Progress
) -> tuple[pa.Table, pa.Table]:
    checkpoint = load_checkpoint(Path(job.checkpoints[stage]), job.device)
    encoder = Encoder(checkpoint.tokenizer, stage, job.sequence_length)
    encoded = encoder.encode(asked)
    budget = job.evaluation.batch_tokens
    flat = [row for rows in encoded for row in rows]
    report = _reporter(progress, f"{stage}: items", "options")
    scores = iter(score(checkpoint.model, flat, budget, report))
    items = [
        _row(stage, prompt, [next(scores) for _ in rows], [row.scored for row in rows])
        for prompt, rows in zip(asked, encoded, strict=True)
    ]
    losses = _losses(job, stage, checkpoint, progress)
    return pa.Table.from_pylist(items, schema=ITEMS), losses


def _losses(job: EvaluationJob, stage: str, checkpoint: Checkpoint, progress: Progress) -> pa.Table:
    limit = job.evaluation.held_out_documents
    corpora = [Path(path) for path in job.held_out]
    losses = document_losses(
        checkpoint.model,
        checkpoint.tokenizer,
        stage,
        held_out_documents(Path(job.documents), corpora, limit),
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


def _row(
    stage: str, prompt: Prompt, log_probabilities: list[float], tokens: list[int]
) -> dict[str, Any]:
    item = prompt.item
    if not all(math.isfinite(value) for value in log_probabilities):
        raise DataError(
            f"{item.place}: suite {item.suite}, item {item.item_id[:12]}, format {prompt.format}, "
            f"stage {stage}: log-probabilities are {log_probabilities}: the checkpoint is broken"
        )
    choice = choose(log_probabilities, tokens, prompt.by_token)
    return {
        "suite": item.suite,
        "item_id": item.item_id,
        "scenario_id": item.scenario_id,
        "topic": item.topic,
        "stage": stage,
        "format": prompt.format,
        "option_order": prompt.option_order,
        "system_prompt": prompt.system_prompt,
        "target": item.target,
        "log_probabilities": log_probabilities,
        "tokens": tokens,
        "choice": choice,
        "hit": choice == item.target,
    }


def choose(log_probabilities: Sequence[float], tokens: Sequence[int], by_token: bool) -> int:
    """Index of the likelier option: by mean log-probability per token, or by the sum."""
    values = [
        value / count if by_token else value
        for value, count in zip(log_probabilities, tokens, strict=True)
    ]
    return values.index(max(values))


def _reporter(progress: Progress, stage: str, unit: str) -> Callable[[int, int], None]:
    last = time.monotonic() - SECONDS_BETWEEN_REPORTS

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= SECONDS_BETWEEN_REPORTS:
            last = now
            progress.report(stage, done, total, unit)

    return report


def _write(path: Path, schema: pa.Schema, tables: Sequence[pa.Table]) -> None:
    pq.write_table(pa.concat_tables([schema.empty_table(), *tables]), path, compression="zstd")


def main(argv: list[str] | None = None) -> int:
    """Run the job of a configuration file; the exit code is 3 after a user's mistake."""
    return run_job(evaluate, EvaluationJob, argv)


if __name__ == "__main__":
    sys.exit(main())
