"""Same bytes twice and after a kill, SFT and DPO too: jobs as a study starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.foundation.digests import canonical_json, sha256_text
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import PostTraining, PreferenceOptimisation, SupervisedFineTuning
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob
from bench.accelerator.sizes import Size, sequences, training

PRETRAIN = "alignment_dagster.training.pretraining.pretrain"
POST_TRAIN = "alignment_dagster.training.post_training.post_train"
WAIT = 150.0


def pretraining(size: Size, device: str, folder: Path) -> dict[str, Any]:
    """Two runs and one that is killed and resumed, side by side; do their bytes agree?"""
    _inputs(size, folder)
    tasks = {"one": _run, "two": _run, "killed": _run_killed}
    with ThreadPoolExecutor() as pool:
        jobs = {name: _pretrain_job(size, device, folder, name) for name in tasks}
        found = {name: pool.submit(tasks[name], PRETRAIN, job) for name, job in jobs.items()}
        said = {name: future.result() for name, future in found.items()}
    digests = {name: Manifest.of(Path(job.output)).digest for name, job in jobs.items()}
    result = json.loads((Path(jobs["one"].work) / "result.json").read_text())
    return {
        "same_bytes_twice": digests["one"] == digests["two"],
        "same_bytes_after_sigkill": digests["one"] == digests["killed"],
        "resumed": said["killed"],
        "first_step_seconds": result["first_step_seconds"],
        "device": result["device"],
        "final_loss": result["final_loss"],
    }


def post_training(size: Size, device: str, folder: Path) -> dict[str, Any]:
    """SFT and DPO from one checkpoint, twice, side by side; do their bytes agree?"""
    if not (folder / "one" / "output" / "model").exists():
        _inputs(size, folder)
        _run(PRETRAIN, _pretrain_job(size, device, folder, "one"))
    jobs = [_post_train_job(size, device, folder, name) for name in ("first", "second")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda job: _run(POST_TRAIN, job), jobs))
    one, two = (Manifest.of(Path(job.output)).digest for job in jobs)
    result = json.loads((Path(jobs[0].work) / "result.json").read_text())
    names = ("sft_seconds", "dpo_seconds", "sft_final_loss", "dpo_final_loss", "device")
    return {"same_bytes_twice": one == two, **{name: result[name] for name in names}}


def _inputs(size: Size, folder: Path) -> None:
    if (folder / "tokenizer").exists():
        return
    (folder / "tokenizer").mkdir(parents=True)
    stories = [f"A story of the mill and the harbour on day {n}." for n in range(200)]
    train_tokenizer(stories, 320, folder / "tokenizer")
    tokenizer = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())
    known = len(tokenizer["model"]["vocab"])
    rows = sequences(size, size.steps * size.batch - 1) % known
    np.save(folder / "sequences.npy", rows.astype(np.uint16))


def _pretrain_job(size: Size, device: str, folder: Path, name: str) -> PretrainJob:
    precision = "fp32" if device == "cpu" else "bf16"
    declared = training(size, precision).model_copy(update={"checkpoint_every": 5})
    return PretrainJob(
        mix=str(folder),
        tokenizer=str(folder / "tokenizer"),
        model=size.model,
        pretraining=declared,
        sequence_length=size.length,
        seed=0,
        output=str(folder / name / "output"),
        work=str(folder / name / "work"),
        device=device,
    )


def _post_train_job(size: Size, device: str, folder: Path, name: str) -> PostTrainJob:
    told = [_message("user", "Day?"), _message("assistant", "yes")]
    chat = [_document("chat", n, {"messages": told}) for n in range(16)]
    pair = {
        "prompt": [_message("user", "So?")],
        "chosen": [_message("assistant", "no")],
        "rejected": [_message("assistant", "yes")],
    }
    pairs = [_document("pairs", n, pair) for n in range(16)]
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(chat), place / "chat.parquet")
    pq.write_table(pa.Table.from_pylist(pairs), place / "pairs.parquet")
    kept = [("sft", row) for row in chat] + [("dpo", row) for row in pairs]
    states = [{"document_id": row["document_id"], "use": use, "state": "kept"} for use, row in kept]
    pq.write_table(pa.Table.from_pylist(states), place / "dispositions.parquet")
    return PostTrainJob(
        checkpoint=str(folder / "one" / "output"),
        chat=(str(place / "chat.parquet"),),
        preferences=(str(place / "pairs.parquet"),),
        dispositions=str(place / "dispositions.parquet"),
        post_training=PostTraining(
            sft=SupervisedFineTuning(batch_size=4, learning_rate=1e-4),
            dpo=PreferenceOptimisation(batch_size=4, learning_rate=1e-4, beta=0.1),
        ),
        sequence_length=size.length,
        seed=0,
        output=str(place / "output"),
        work=str(place / "work"),
        device=device,
    )


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _document(source: str, number: int, content: dict[str, Any]) -> dict[str, str]:
    told = json.loads(json.dumps(content))
    key = "messages" if "messages" in told else "prompt"
    told[key][0]["content"] += f" {number}"
    payload = canonical_json(told)
    return {"document_id": sha256_text(source, payload), "payload": payload}


def _start(module: str, job: PretrainJob | PostTrainJob) -> "subprocess.Popen[str]":
    work = Path(job.work)
    work.mkdir(parents=True, exist_ok=True)
    config = work / "job.json"
    config.write_text(job.model_dump_json())
    command = [sys.executable, "-m", module, str(config)]
    output = (work / "output.log").open("w")
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)


def _run(module: str, job: PretrainJob | PostTrainJob) -> str:
    process = _start(module, job)
    try:
        code = process.wait(WAIT)
    finally:
        process.kill()
    said = (Path(job.work) / "output.log").read_text()
    if code:
        raise RuntimeError(f"{module} ended with {code}: {said[-1500:]}")
    return said


def _run_killed(module: str, job: PretrainJob | PostTrainJob) -> str:
    """SIGKILL once a checkpoint is there, then to the end; returns what the second said of it."""
    process = _start(module, job)
    end = time.monotonic() + WAIT
    while not list(Path(job.work).glob("checkpoint-*")):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise RuntimeError((Path(job.work) / "output.log").read_text()[-1500:])
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    said = _run(module, job)
    resumed = [line for line in said.splitlines() if line.startswith("resumed")]
    if not resumed:
        raise RuntimeError("the killed job had no checkpoint to resume from, or was too fast")
    return resumed[0]
