"""The processes that share the ranks of a pretraining: one each, or fewer where accelerators are.

`python -m alignment_dagster.training.pretraining.rank_processes CONFIG.json`

They meet through a file in the job's folder, and talk over the loopback interface alone. Where one
ends, all end, and the next try goes on from the last checkpoint.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from alignment_dagster.engines.accelerators import shared_by
from alignment_dagster.engines.devices import find_device
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import (
    ERROR,
    MEMORY,
    OUT_OF_MEMORY,
    USER_ERROR,
    Progress,
    read_job,
    run_job,
)
from alignment_dagster.foundation.job_process import die_with_parent, killed_advice
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.machine import stop_requests
from alignment_dagster.training.pretraining.pretrain import pretrain
from alignment_dagster.training.pretraining.ranks import Ranks

MEETING = "ranks"
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
GRACE_SECONDS = 5.0
"""For the other ranks, once one has ended; then they are ended."""


def main(argv: list[str] | None = None) -> int:
    """Start the processes of the job's ranks; exit codes as of `foundation.job.run_job`."""
    arguments = sys.argv[1:] if argv is None else argv
    job = read_job(PretrainJob, arguments)
    if job is None:
        return USER_ERROR
    ranks, there = job.pretraining.ranks, 0 if job.device == "cpu" else torch.cuda.device_count()
    return train(arguments[0], job, shared_by(ranks, there) if there else ranks)


def train(config: str, job: PretrainJob, processes: int) -> int:
    """Start so many processes, which compute equally many ranks' parts, and wait for them."""
    work = Path(job.work)
    work.mkdir(parents=True, exist_ok=True)
    (work / MEETING).unlink(missing_ok=True)
    for name in INTERFACES:
        os.environ.setdefault(name, LOOPBACK)
    started = start_processes(  # type: ignore[no-untyped-call]
        _run_process, (config, job, processes), processes, join=False, start_method="fork"
    )
    try:
        return _wait(started)
    except ProcessExitedException as error:
        return _report_end(work, error)
    except ProcessRaisedException as error:
        print(error, file=sys.stderr)
        return USER_ERROR if (work / ERROR).exists() else 1


def run_rank(config: str, process: int, accelerator: int | None = None) -> int:
    """One process's part, once it has met the others; exit codes as of `main`.

    Args:
        accelerator: its number on this machine, where that is not the process's own.
    """

    def train_part(job: PretrainJob, progress: Progress) -> None:
        there = dist.get_world_size()
        pretrain(job, progress, Ranks(job.pretraining.ranks, process, there, accelerator))

    return run_job(train_part, PretrainJob, [config], leads=not process)


def _run_process(process: int, config: str, job: PretrainJob, processes: int) -> None:
    # The system's own signal at a parent's end is lost before it was asked for, and unheard by
    # a rank that waits for the others.
    threading.Thread(target=die_with_parent, args=(os.kill,), daemon=True).start()
    meeting = f"file://{(Path(job.work) / MEETING).resolve()}"
    try:
        backend = "nccl" if find_device(job.device).type == "cuda" else "gloo"
        dist.init_process_group(backend, meeting, rank=process, world_size=processes)
        code = run_rank(config, process)
        dist.destroy_process_group()
    except AlignmentError as error:
        (Path(job.work) / ERROR).write_text(str(error), encoding="utf-8")
        code = USER_ERROR
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


def _wait(ranks: ProcessContext) -> int:
    """Wait for all of them; a signal to this process is passed on, and they stop at a step's end.

    Raises:
        ProcessExitedException: a rank ended by a signal, or with another code than 0.
        ProcessRaisedException: an exception ended a rank.
    """
    passed_on = False
    with stop_requests() as stop:
        try:
            while not ranks.join(timeout=0.2, grace_period=GRACE_SECONDS):
                if stop.signal and not passed_on:
                    passed_on = True
                    for process in ranks.processes:
                        if process.is_alive():
                            os.kill(process.pid, stop.signal)
        except ProcessExitedException as error:
            # A rank that is asked twice can end by the signal itself, when all is written.
            if not stop.signal or error.exit_code != -stop.signal:
                raise
    return stop.exit_code if stop.signal else 0


def _report_end(work: Path, error: ProcessExitedException) -> int:
    """What the job says of a rank that ended early."""
    if error.exit_code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
        return error.exit_code
    memory = work / MEMORY
    killed = error.exit_code == -signal.SIGKILL and memory.exists()
    if not (work / ERROR).exists():
        how = error.signal_name or f"exit code {error.exit_code}"
        message = (
            f"rank {error.error_index} ended by {how}; the next run goes on from the checkpoint"
        )
        if killed:
            advice = json.loads(memory.read_text(encoding="utf-8"))["advice"]
            message = f"{message}; {killed_advice(advice)}"
        (work / ERROR).write_text(message, encoding="utf-8")
        print(message, file=sys.stderr)
    return OUT_OF_MEMORY if killed or error.exit_code == OUT_OF_MEMORY else USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
