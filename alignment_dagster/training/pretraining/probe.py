"""What training takes, in short: `python -m alignment_dagster.training.pretraining.probe FILE`.

The study's own loop takes some steps on made-up tokens of the declared shape, and says how fast it
was and what it held. On the CPU a few sequences go first: a batch that would not fit is not tried,
since the system would end some process for it. Where a batch is refused, a smaller one is tried.
"""

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from alignment_dagster.engines.devices import (
    describe,
    find_device,
    is_out_of_memory,
    set_determinism,
)
from alignment_dagster.engines.peak import synchronize
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.freed_memory import keep_freed_memory
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.boundaries import Boundary
from alignment_dagster.training.jobs import ProbeJob
from alignment_dagster.training.machine import KEPT
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.model import (
    flops_per_token,
    make_model,
    parameter_count,
)
from alignment_dagster.training.pretraining.ranks import ALONE
from alignment_dagster.training.pretraining.start import make_like

MOST_STEPS = 100
FEW = 4
"""Sequences whose memory tells that of a batch."""
DOCUMENT = 256
"""Tokens of a made-up document, where documents do not see each other."""


def main(argv: list[str] | None = None) -> int:
    """Run from a configuration file; see `foundation.job.run_job` for the exit codes."""
    return run_job(probe, ProbeJob, argv)


def probe(job: ProbeJob, progress: Progress) -> None:
    """Measure, and leave the result in the job's folder.

    Raises:
        AlignmentError: if there is no such device, or no such model.
    """
    set_determinism(job.determinism, job.pretraining.threads)
    keep_freed_memory(KEPT)
    device = find_device(job.device)
    with _bounded_memory(job.memory) if device.type == "cpu" else nullcontext():
        meter = Meter(device)
        loop = _make_loop(job, device)
        found = _find_batch(loop, job, meter)
        found |= _time(loop, job, int(found["batch_size"])) if found["fits"] else {}
    held = _held(loop, meter)
    parameters = parameter_count(loop.model)
    flops = flops_per_token(loop.model.config, parameters, job.sequence_length)
    progress.result(
        **describe(device, job.determinism),
        **found,
        **held,
        parameters=parameters,
        flops_per_token=flops,
    )


@dataclass
class Meter:
    """The memory of a device, or of this process; bytes."""

    device: torch.device

    def __post_init__(self) -> None:
        self.before = self.now()
        self.forget()

    def now(self) -> int:
        """Held now."""
        if self.device.type == "cuda":
            return torch.cuda.memory_allocated(self.device)
        return _status("VmRSS") or self.peak()

    def peak(self) -> int:
        """The most that was held since the last `forget`."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        unit = 1 if sys.platform == "darwin" else 1024
        return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def forget(self) -> None:
        """Begin anew; only Linux and CUDA can."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        elif sys.platform.startswith("linux"):
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _status(field: str) -> int:
    """A line of the process's status, in bytes; 0 where the system has none."""
    path = Path("/proc/self/status")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


@contextmanager
def _bounded_memory(most: int) -> Iterator[None]:
    """Let allocations beyond fail, instead of the system ending some process for them."""
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    held = _status("VmData")
    if held:
        resource.setrlimit(resource.RLIMIT_DATA, (held + most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _make_loop(job: ProbeJob, device: torch.device) -> Loop:
    options = {
        "vocab_size": job.vocabulary,
        "max_position_embeddings": job.context,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    if job.base is not None:
        model = make_like(job.base, job.vocabulary)
    elif job.model is not None:
        model = make_model(job.model, options)
    else:
        raise AlignmentError("neither a model nor a checkpoint to go on from is declared")
    return Loop(model.to(device), _make_mix(job), job.pretraining, 0, ALONE, size=job.model)


def _make_mix(job: ProbeJob) -> PackedMix:
    """One row of random tokens, as often as steps may ask for it, and held once."""
    rows, length = MOST_STEPS * job.pretraining.sequences_a_step, job.sequence_length
    kind = np.uint16 if job.vocabulary <= 1 << 16 else np.uint32
    tokens = np.random.default_rng(0).integers(0, job.vocabulary, length, dtype=kind)
    beside = {}
    if job.bounded:
        begins = np.where(np.arange(length) % DOCUMENT == 0, Boundary.BEGINS, Boundary.INSIDE)
        beside[file_names.BOUNDARIES] = np.broadcast_to(begins.astype(np.uint8), (rows, length))
    return PackedMix(np.broadcast_to(tokens, (rows, length)), beside)


def _find_batch(loop: Loop, job: ProbeJob, meter: Meter) -> dict[str, float | str]:
    """Whether the declared batch fits, the largest that does as far as is known, and its need."""
    size = job.pretraining.batch_size
    if meter.device.type == "cpu":
        few, peaks = min(FEW, size), []
        for sequences in (1, few):
            _step(loop, sequences)
            peaks.append(meter.peak() - meter.before)
        # At least its logits and their gradients, should memory that was free before hold it.
        logits = 8 * job.sequence_length * job.vocabulary
        one = max(logits, (peaks[1] - peaks[0]) // max(1, few - 1))
        fixed = max(_tensors(loop), peaks[1] - few * one)
        if (needed := fixed + size * one) > job.memory:
            most = max(0, job.memory - fixed) // one
            return {"fits": 0.0, "batch_size": most, "needed_bytes": needed}
        meter.forget()
    return _try_batches(loop, size)


def _try_batches(loop: Loop, size: int) -> dict[str, float | str]:
    declared = size
    while size:
        try:
            loop.declared = loop.declared.model_copy(update={"batch_size": size})
            _step(loop, size)
            break
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            loop.state.optimizer.zero_grad()
            if loop.device.type == "cuda":
                torch.cuda.empty_cache()
            size //= 2
    return {"fits": float(size == declared), "batch_size": size}


def _time(loop: Loop, job: ProbeJob, size: int) -> dict[str, float | str]:
    """Tokens a second of steps; with as many of the declared accumulations as there is time for."""
    first = _step(loop, size)
    once = _step(loop, size)
    parts = max(1, min(job.pretraining.accumulation, int(job.seconds / 3 / once)))
    steps, seconds = 0, 0.0
    while steps < MOST_STEPS // 2 and (not steps or seconds < job.seconds):
        seconds += _step(loop, parts * size)
        steps += 1
    tokens = steps * parts * size * job.sequence_length
    return {"tokens_per_second": tokens / seconds, "first_step_seconds": first, "steps": steps}


def _step(loop: Loop, sequences: int) -> float:
    """Take a step of so many sequences; returns its seconds."""
    loop.per_step = sequences
    began = time.perf_counter()
    loop.step()
    loop.read()
    synchronize(loop.device)
    return time.perf_counter() - began


def _held(loop: Loop, meter: Meter) -> dict[str, float | str]:
    """Of the most that was held, what each part was."""
    weights = _bytes(loop.model.parameters())
    return {
        "peak_memory_bytes": meter.peak(),
        "process_bytes": meter.before,
        "weight_bytes": weights,
        "gradient_bytes": weights,
        "optimizer_bytes": _tensors(loop) - 2 * weights,
    }


def _tensors(loop: Loop) -> int:
    """Weights, their gradients, and what the optimizer holds."""
    states = loop.state.optimizer.state.values()
    moments = _bytes(one for state in states for one in state.values())
    return 2 * _bytes(loop.model.parameters()) + moments


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(one.numel() * one.element_size() for one in tensors)


if __name__ == "__main__":
    sys.exit(main())
