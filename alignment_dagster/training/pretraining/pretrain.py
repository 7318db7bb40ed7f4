"""Pretraining: `python -m alignment_dagster.training.pretraining.pretrain CONFIG.json`.

One pass over the mix, from random weights, a checkpoint or a trunk's state. An optimizer step
consumes `batch_size` times `accumulation` sequences, in the order that the seed decides; the last
step takes the sequences that are left, so every sequence is consumed exactly once. Every predicted
token of a step weighs the same, however accumulated.
"""

import platform
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from alignment_dagster.engines.devices import (
    find_device,
    memory_advice,
    set_determinism,
)
from alignment_dagster.evaluation.model.control_tokens import (
    BeamSearch,
    ask_behind,
    leave_unwritten,
    search_by_beams,
)
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.freed_memory import keep_freed_memory
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.code_digest import code_digest
from alignment_dagster.study.decoding import TagAvoiding
from alignment_dagster.study.objectives import Conditional
from alignment_dagster.study.vocabulary import SPECIAL_TOKENS, control_tokens
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.machine import (
    KEPT,
    StopRequest,
    stop_requests,
)
from alignment_dagster.training.model_folder import TOKENIZER_FILES, read_tokenizer, write_model
from alignment_dagster.training.objectives import objective_code
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.checkpoint_writer import Writer
from alignment_dagster.training.pretraining.data import read_mix
from alignment_dagster.training.pretraining.held_out import HeldOutLosses
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.measurements import (
    Times,
    measure,
    report,
    say_skipped,
)
from alignment_dagster.training.pretraining.model import require_finite_weights
from alignment_dagster.training.pretraining.ranks import Ranks
from alignment_dagster.training.pretraining.start import start_model
from alignment_dagster.training.pretraining.value_head import take_value_head
from alignment_dagster.training.step_log import write_log

REPORT_SECONDS = 0.5
PLACES = {"mix", "tokenizer", "state", "earlier", "output", "work"}


def main(argv: list[str] | None = None) -> int:
    """Run from a configuration file; see `foundation.job.run_job` for the exit codes."""
    return run_job(pretrain, PretrainJob, argv)


def pretrain(job: PretrainJob, progress: Progress, ranks: Ranks | None = None) -> None:
    """Train a model and fill `job.output`; a killed job resumes from `job.work`.

    Args:
        ranks: which rank this process is; without it, it is all that the job declares.

    Raises:
        AlignmentError: if the mix or the tokenizer cannot be used, or the loss is not finite.
        SystemExit: 130 or 143 after SIGINT or SIGTERM, when a checkpoint has been written.
    """
    loop = start_loop(job, ranks)
    identity = job_identity(job, loop.device.type)
    _resume(loop, job, identity, progress)
    first, declared = len(loop.state.ledger.rows), job.pretraining
    beside = f" and double accumulation ({declared.accumulation}): the steps stay the same"
    with (
        stop_requests() as stop,
        memory_advice(progress, loop.device, "pretraining.batch_size", declared.batch_size, beside),
    ):
        times = _train(loop, job, identity, progress, stop)
    take_value_head(loop.model)
    weights = loop.whole_weights()
    if not loop.ranks.leads:
        return
    require_finite_weights(weights, loop.last)
    _write(loop, job, weights)
    progress.result(**measure(loop, job, first, times))
    checkpoint.delete_all(Path(job.work))


def start_loop(job: PretrainJob, ranks: Ranks | None = None) -> Loop:
    """The loop before its first own step, in a process made deterministic.

    Raises:
        AlignmentError: if the mix or the tokenizer cannot be used.
    """
    set_determinism(job.determinism, job.pretraining.threads)
    keep_freed_memory(KEPT)
    tokenizer = read_tokenizer(Path(job.tokenizer))
    mix = read_mix(Path(job.mix), job.sequence_length, len(tokenizer))
    ranks = ranks or Ranks(job.pretraining.ranks)
    device = ranks.device(find_device(job.device).type)
    if device.index is not None:
        # What a library allocates without naming a device is to lie on this one.
        torch.cuda.set_device(device)
    model = start_model(job, tokenizer).to(device)
    trunk = job.trunk
    loop = Loop(
        model,
        mix,
        job.pretraining,
        job.seed,
        ranks,
        job.objective,
        before=0 if trunk is None or trunk.same_mix else trunk.steps,
        last=max(job.branch_steps, default=None),
        schedule_begin=trunk.steps if trunk is not None and trunk.own_schedule else 0,
        phases=job.phases,
        size=job.model,
    )
    if job.state is not None:
        same_mix = trunk is not None and trunk.same_mix
        checkpoint.go_on_from(Path(job.state), loop.state, same_mix=same_mix)
    return loop


def job_identity(job: PretrainJob, device: str) -> str:
    """Hex SHA-256 of all that decides the bytes of the result: what a checkpoint must match.

    Args:
        device: the kind that the job's device was found to be.
    """
    tokenizer = [Path(job.tokenizer) / name for name in TOKENIZER_FILES]
    mix = [Path(job.mix) / name for name in (file_names.SEQUENCES, *file_names.BESIDE_TOKENS)]
    return sha256_json(
        {
            # Where a trunk ends changes nothing of what it is before.
            "declared": job.model_dump(mode="json", exclude=PLACES | {"branch_steps"})
            | {"device": device},
            "mix": {path.name: sha256_file(path) for path in mix if path.is_file()},
            "state": job.state and sha256_file(Path(job.state) / checkpoint.TENSORS),
            "tokenizer": {path.name: sha256_file(path) for path in tokenizer if path.is_file()},
            "code": code_digest("training/pretraining/pretrain.py", objective_code(job.minimised)),
            "torch": torch.__version__,
            "machine": platform.machine(),
        }
    )


def _resume(loop: Loop, job: PretrainJob, identity: str, progress: Progress) -> None:
    """The leading process finds the checkpoint, and all go on from it."""
    work, state_steps, found = Path(job.work), _state_steps(loop, job), 0
    if loop.ranks.leads:
        if job.earlier:
            checkpoint.take_over(work, map(Path, job.earlier), state_steps, loop.last)
        found = checkpoint.find(work, identity, progress.say, state_steps)
    if found := loop.ranks.maximum(found, loop.device):
        checkpoint.resume(work, found, loop.state, progress.say)


def _train(
    loop: Loop, job: PretrainJob, identity: str, progress: Progress, stop: StopRequest
) -> Times:
    first, started = loop.state.step, time.perf_counter()
    reported, first_step, state_steps = 0.0, 0.0, _state_steps(loop, job)
    writer = Writer(Path(job.work), identity, loop.ranks, loop.device)
    held_out, measuring = HeldOutLosses(job), 0.0
    while not loop.done:
        loop.step()
        say_skipped(loop, progress)
        if not first_step:
            loop.read()
            first_step = time.perf_counter() - started
        # What comes while they ask each other counts after the next step.
        asked = loop.ranks.maximum(stop.signal, loop.device)
        kept = loop.state.step in state_steps
        due = asked or loop.state.step % job.pretraining.checkpoint_every == 0
        if kept or due or loop.done:
            loop.read()
        if kept:
            writer.save_state(loop.state)
        if due:
            writer.save(loop.state)
        if asked:
            writer.wait()
            stop.signal = asked
            progress.say(f"stopped after step {loop.state.step}; a checkpoint is written")
            raise SystemExit(stop.exit_code)
        now, losses = time.perf_counter(), dict[str, float]()
        if held_out.are_due(loop.state.step, loop.last):
            loop.read()
            losses = held_out.measure(loop.model)
            measuring += time.perf_counter() - now
        if loop.done or losses or now - reported > REPORT_SECONDS:
            reported = now
            trained = now - started - measuring
            report(loop, job, progress, loop.state.step - first, trained, losses)
    writer.wait()
    return Times(time.perf_counter() - started - measuring, first_step)


def _state_steps(loop: Loop, job: PretrainJob) -> frozenset[int]:
    """The steps after which the state is kept; after the last one the weights are the artifact."""
    every, before = loop.declared.keep_every, loop.state.ledger.before.step
    kept = () if every is None else range(every, loop.last, every)
    return frozenset(job.branch_steps).union(step for step in kept if step > before)


def _write(loop: Loop, job: PretrainJob, weights: Mapping[str, Tensor]) -> None:
    output = Path(job.output)
    output.mkdir(parents=True, exist_ok=True)
    if not job.branch_steps:
        _write_model(loop, job, weights, output / "model")
    loop.state.ledger.write(output / file_names.CONSUMPTION, SEQUENCES_SCHEMA)
    write_log(output / file_names.TRAINING_LOG, loop.state.log, loop.state.log_schema)
    if (states := Path(job.work) / file_names.STATES).exists():
        shutil.copytree(
            states, output / file_names.STATES, ignore=shutil.ignore_patterns(checkpoint.SEAL)
        )


def _write_model(loop: Loop, job: PretrainJob, weights: Mapping[str, Tensor], folder: Path) -> None:
    if isinstance(job.objective, Conditional) or job.decoding is not None:
        tokenizer = read_tokenizer(Path(job.tokenizer))
        vocabulary = control_tokens(tokenizer)
        written = (*SPECIAL_TOKENS, tokenizer.eos_token)
        unwritten = (one for name, one in vocabulary.items() if name not in written)
        leave_unwritten(loop.model, sorted(unwritten))
        if isinstance(job.objective, Conditional):
            ask_behind(loop.model, [vocabulary[job.objective.prompt]])
        if job.decoding is not None:
            tag = job.decoding.tag if isinstance(job.decoding, TagAvoiding) else None
            avoided = None if tag is None else vocabulary[tag]
            search_by_beams(loop.model, BeamSearch(job.decoding.beams, avoided))
    write_model(loop.model, Path(job.tokenizer), folder, weights)


if __name__ == "__main__":
    sys.exit(main())
