"""lm-evaluation-harness's own tasks on our checkpoints, sample by sample, as Parquet.

`python -m alignment_dagster.evaluation.harness.adapter CONFIG.json`

The base model reads plain text; a post-trained one reads the chat template, which the harness
applies. Downloads are never tried: a task's data are local files, or in the cache of `datasets`.
"""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.evaluation.harness.installed import NEEDS_LM_EVAL, lm_eval_installed
from alignment_dagster.evaluation.harness.job import HarnessJob
from alignment_dagster.evaluation.suites.encoding import BASE_STAGE
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names

NOT_METRICS = frozenset({"bypass"})

SAMPLES = pa.schema(
    [
        ("stage", pa.string()),
        ("task", pa.string()),
        ("sample", pa.int64()),
        ("filter", pa.string()),
        ("target", pa.string()),
        ("prompts", pa.list_(pa.string())),
        ("options", pa.list_(pa.string())),
        ("log_probabilities", pa.list_(pa.float64())),
        ("texts", pa.list_(pa.string())),
        ("metrics", pa.map_(pa.string(), pa.float64())),
    ]
)
"""One row for each document and filter. A document asks one or more requests: `prompts` and, by
kind, `options` with their summed `log_probabilities` in nats, or the `texts` that were generated.
"""
SUMMARY = pa.schema(
    [
        ("stage", pa.string()),
        ("task", pa.string()),
        ("version", pa.string()),
        ("metric", pa.string()),
        ("filter", pa.string()),
        ("value", pa.float64()),
        ("higher_is_better", pa.bool_()),
        ("samples", pa.int64()),
    ]
)


def run_tasks(job: HarnessJob, progress: Progress) -> None:
    """Write `samples.parquet` and `summary.parquet` into the job's output folder.

    Raises:
        AlignmentError: if lm-evaluation-harness is not installed.
        DataError: if a task is unknown, its data are not here, or its prompt does not fit.
    """
    _require_lm_eval()
    # Here for their weight: without the extra, this module only refuses.
    import torch

    from alignment_dagster.engines.devices import (
        describe,
        find_device,
        memory_advice,
        set_determinism,
    )

    device = find_device(job.device)
    started = time.monotonic()
    torch.set_num_threads(job.harness.threads)
    if device.type != "cpu":
        set_determinism(job.determinism, job.harness.threads)
    output = Path(job.output).resolve()
    checkpoints = {stage: Path(path).resolve() for stage, path in job.checkpoints.items()}
    samples: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    # The paths inside local task files are relative to their folder.
    with contextlib.chdir(job.include_path) if job.include_path else contextlib.nullcontext():
        manager = _make_task_manager(job)
        for done, (stage, checkpoint) in enumerate(checkpoints.items()):
            progress.report("lm-evaluation-harness", done, len(checkpoints), "checkpoints")
            with memory_advice(progress, device, "harness.batch_size", job.harness.batch_size):
                results = _evaluate(job, manager, stage, checkpoint, device.type)
            samples += _samples(stage, results)
            summary += _summary(stage, results)
    progress.report("lm-evaluation-harness", len(checkpoints), len(checkpoints), "checkpoints")
    output.mkdir(parents=True, exist_ok=True)
    for rows, schema, name in (
        (samples, SAMPLES, file_names.SAMPLES),
        (summary, SUMMARY, file_names.SUMMARY),
    ):
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, output / name, compression="zstd")
    seconds = time.monotonic() - started
    progress.result(**describe(device, job.determinism), seconds=seconds, samples=len(samples))


def _require_lm_eval() -> None:
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    if not lm_eval_installed():
        raise AlignmentError(NEEDS_LM_EVAL)


def _make_task_manager(job: HarnessJob) -> Any:
    """What knows the tasks; the harness's own thousands are read only where one is asked for."""
    from lm_eval.tasks import TaskManager

    local = Path.cwd() if job.include_path else None
    if local is not None:
        manager = TaskManager(include_path=str(local), include_defaults=False)
        if all(name in manager.all_tasks for name in job.harness.tasks):
            return manager
    manager = TaskManager(include_path=str(local) if local else None)
    for name in job.harness.tasks:
        if name not in manager.all_tasks:
            where = f" and not in {job.include_path}" if job.include_path else ""
            raise DataError(
                f"harness: tasks: there is no task {name!r} in lm-evaluation-harness{where}"
            )
    return manager


def _evaluate(
    job: HarnessJob, manager: Any, stage: str, checkpoint: Path, device: str
) -> Mapping[str, Any]:
    from lm_eval import simple_evaluate

    arguments = {
        "pretrained": str(checkpoint),
        "dtype": "float32",
        "add_bos_token": False,
        "max_length": job.sequence_length,
    }
    try:
        results: Mapping[str, Any] | None = simple_evaluate(
            model="hf",
            model_args=arguments,
            tasks=list(job.harness.tasks),
            task_manager=manager,
            batch_size=job.harness.batch_size,
            device=device,
            limit=job.harness.limit,
            apply_chat_template=stage != BASE_STAGE,
            log_samples=True,
            bootstrap_iters=0,
        )
    except Exception as error:
        # Task files are code of others and raise errors of any kind.
        message = f"stage {stage}: {type(error).__name__}: {error}"
        raise DataError(f"harness: {', '.join(job.harness.tasks)}: {message}") from error
    if results is None:
        raise DataError(f"harness: stage {stage}: lm-evaluation-harness gave no results")
    return results


def _samples(stage: str, results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for task in sorted(results["samples"]):
        for sample in results["samples"][task]:
            requests = [
                [part for part in request if isinstance(part, str)]
                for request in sample["arguments"]
            ]
            answers = sample["filtered_resps"]
            scored = bool(answers) and all(_is_log_probability(answer) for answer in answers)
            yield {
                "stage": stage,
                "task": task,
                "sample": sample["doc_id"],
                "filter": sample["filter"],
                "target": _text(sample["target"]),
                "prompts": [request[0] for request in requests],
                "options": [request[1] for request in requests if len(request) > 1],
                "log_probabilities": [float(answer[0]) for answer in answers] if scored else [],
                "texts": [] if scored else [_text(answer) for answer in answers],
                "metrics": [
                    (name, float(sample[name]))
                    for name in sorted(sample["metrics"])
                    if name not in NOT_METRICS and isinstance(sample[name], bool | int | float)
                ],
            }


def _is_log_probability(answer: Any) -> bool:
    return isinstance(answer, tuple | list) and len(answer) == 2 and isinstance(answer[0], float)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _summary(stage: str, results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for task in sorted(results["results"]):
        better = results["higher_is_better"].get(task, {})
        counted = results["n-samples"].get(task, {})
        for name, value in sorted(results["results"][task].items()):
            metric, _, filtered = name.partition(",")
            if not filtered or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            if not math.isfinite(value):
                raise DataError(f"harness: {task}, stage {stage}: {metric} is {value}")
            yield {
                "stage": stage,
                "task": task,
                "version": str(results["versions"].get(task, "")),
                "metric": metric,
                "filter": filtered,
                "value": float(value),
                "higher_is_better": better.get(metric),
                "samples": counted.get("effective"),
            }


def main(argv: list[str] | None = None) -> int:
    """Run the job of a configuration file; the exit code is 3 after a user's mistake."""
    return run_job(run_tasks, HarnessJob, argv)


if __name__ == "__main__":
    sys.exit(main())
