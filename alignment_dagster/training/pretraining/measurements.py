"""What a pretraining says of itself: how far it is, how it goes, and what it cost in the end."""

from collections.abc import Mapping
from dataclasses import dataclass

from alignment_dagster.engines.devices import describe
from alignment_dagster.engines.peak import measured_peak, stated_peak
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.provenance import RESUMED_FROM
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.machine import peak_memory_bytes
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.model import flops_per_token, parameter_count
from alignment_dagster.training.step_log import skipped_steps

STAGE, TRUNK = "pretraining", "trunk"


@dataclass(frozen=True)
class Times:
    """Seconds that this process trained, and those of its first step, compilation included."""

    in_all: float
    first_step: float


def report(
    loop: Loop,
    job: PretrainJob,
    progress: Progress,
    steps: int,
    seconds: float,
    losses: Mapping[str, float],
) -> None:
    """How far it is, and how it goes; a branch names its trunk.

    Args:
        losses: those on held-out documents, where they were measured just now.
    """
    row = loop.state.log[-1]
    unit = "steps"
    if job.trunk is not None:
        unit += f" on from step {job.trunk.steps} of {job.trunk.recipe}"
    values = {
        name: float(value)
        for name in ("loss", "learning_rate", "gradient_norm")
        if (value := row[name]) is not None
    }
    tokens = steps * loop.per_step * loop.mix.tokens.shape[1]
    progress.report(
        TRUNK if job.branch_steps else STAGE,
        int(row["step"] or 0),
        loop.last,
        unit,
        **values,
        **losses,
        tokens_per_second=tokens / seconds,
    )


def say_skipped(loop: Loop, progress: Progress) -> None:
    """A guard waits for what a step gave, so the last row of the log is of the last step."""
    row = loop.state.log[-1] if loop.guard.skips else {}
    if why := row.get("skipped"):
        loss, norm = row["loss"], row["gradient_norm"]
        progress.say(f"step {row['step']} is left out ({why}): loss {loss}, gradient norm {norm}")


def measure(loop: Loop, job: PretrainJob, first: int, times: Times) -> dict[str, float | str]:
    """What this process did; a resumed one counts only its own steps, and none those of a trunk."""
    ledger = loop.state.ledger
    rows = ledger.rows
    resumed = rows[first - 1] if first else ledger.before
    tokens = ledger.tokens - resumed.tokens
    parameters = parameter_count(loop.model)
    flops = flops_per_token(loop.model.config, parameters, job.sequence_length)
    metrics: dict[str, float | str] = {
        **describe(loop.device, job.determinism),
        "training_seconds": times.in_all,
        "first_step_seconds": times.first_step,
        "steps": len(rows),
        "resumed_after_step": resumed.step if first else 0,
        "tokens": ledger.tokens - ledger.before.tokens,
        "tokens_per_second": tokens / times.in_all if tokens else 0.0,
        "parameters": parameters,
        "flops_per_token": flops,
        "peak_memory_bytes": peak_memory_bytes(loop.device),
    }
    if loop.ranks.count > 1:
        metrics["processes"] = loop.ranks.processes
    if loop.state.resumed_from:
        metrics[RESUMED_FROM] = loop.state.resumed_from
    skipped = skipped_steps(loop.state.log)
    taken = [row for row in loop.state.log if row["step"] not in skipped]
    if taken:
        metrics["final_loss"] = float(taken[-1]["loss"] or 0)
    if job.pretraining.guard is not None:
        metrics["steps_skipped"] = len(skipped)
    if len(rows) > first + 1:
        steady = ledger.tokens - rows[first].tokens
        rate = steady / (times.in_all - times.first_step)
        metrics |= {"steady_tokens_per_second": rate} | _utilisation(loop, job, rate * flops)
    return metrics


def _utilisation(loop: Loop, job: PretrainJob, done: float) -> dict[str, float | str]:
    """`done` FLOP/s as a share of what a large product reaches, and of the stated dense peak."""
    devices = loop.ranks.processes
    precision = job.pretraining.precision
    measured = measured_peak(loop.device, precision) * devices
    found: dict[str, float | str] = {
        "matmul_peak_flops_per_second": measured,
        "mfu_of_measured_matmul_peak": done / measured,
    }
    name = describe(loop.device, job.determinism)["device"]
    if precision == "bf16" and (stated := stated_peak(name)):
        peak = stated * devices
        found |= {"stated_peak_flops_per_second": peak, "mfu_of_stated_peak": done / peak}
    return found
