"""One side of the table: so many steps of one model, timed once it is warm."""

import os
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from alignment_dagster.engines.devices import describe, set_determinism
from alignment_dagster.engines.peak import measured_peak, stated_peak, synchronize
from alignment_dagster.training.objectives import load_objective
from alignment_dagster.training.objectives.targets import Targets
from alignment_dagster.training.pretraining.data import (
    PackedMix,
    consumption_order,
    rows_of_step,
)
from alignment_dagster.training.pretraining.loop import Loop, optimizer
from alignment_dagster.training.pretraining.model import flops_per_token, parameter_count
from alignment_dagster.training.pretraining.schedule import learning_rate
from bench.accelerator.sizes import WARM_STEPS, Size, sequences, training

SEED = 0
MIB = 2**20
Step = Callable[[], None]
Losses = Callable[[], list[float]]


def run(side: str, size: Size, device: torch.device) -> dict[str, Any]:
    """What one side reached.

    Args:
        side: `exact` and `fast` are this project's loop, `plain` a compiled loop of twenty lines,
            `trainer` that of transformers.
    """
    if side not in SIDES:
        raise ValueError(f"there is no side {side!r} (known: {', '.join(SIDES)})")
    set_determinism("exact" if side == "exact" else "fast", os.cpu_count() or 1)
    torch.manual_seed(SEED)
    with device:
        model = LlamaForCausalLM(_config(size))
    count = WARM_STEPS + size.steps
    measured, losses = SIDES[side](model, size, device, count)
    return _row(side, model, size, device, measured) | {"losses": losses}


def _config(size: Size) -> LlamaConfig:
    """The same model class for every side."""
    return LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.model.width,
        intermediate_size=size.model.mlp_width,
        num_hidden_layers=size.model.layers,
        num_attention_heads=size.model.heads,
        num_key_value_heads=size.model.heads,
        max_position_embeddings=size.length,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
        dtype="float32",
    )


def _timed(step: Step, device: torch.device, size: Size) -> dict[str, float]:
    """Seconds until warm, seconds of the timed steps, and the peak memory in them."""
    started = time.perf_counter()
    for _ in range(WARM_STEPS):
        step()
    synchronize(device)
    warm = time.perf_counter() - started
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    for _ in range(size.steps):
        step()
    synchronize(device)
    seconds = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return {"warm_up_seconds": warm, "seconds": seconds, "peak_memory_mib": peak / MIB}


def _ours(
    model: Any, size: Size, device: torch.device, count: int
) -> tuple[dict[str, float], list[float]]:
    declared = training(size, _precision(device))
    loop = Loop(model, PackedMix(sequences(size, count * size.batch)), declared, SEED)
    measured = _timed(loop.step, device, size)
    loop.read()
    return measured, [float(row["loss"] or 0) for row in loop.state.log]


def _on_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values


def _plain(
    model: Any, size: Size, device: torch.device, count: int
) -> tuple[dict[str, float], list[float]]:
    """What a person writes: model and loss compiled, bf16 autocast, fused AdamW, no waiting."""
    declared = training(size, _precision(device))
    mix = PackedMix(sequences(size, count * size.batch))
    order = consumption_order(len(mix.tokens), SEED)
    objective, updates = load_objective("maximum_likelihood"), optimizer(model, declared)
    predicted = size.batch * (size.length - 1)
    losses: list[torch.Tensor] = []

    def compute(batch: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, declared.precision == "bf16"):
            logits = model(input_ids=batch, use_cache=False).logits
        return objective(logits, Targets(following)) / predicted

    compiled = torch.compile(compute, dynamic=False) if device.type == "cuda" else compute
    model.train()

    def step() -> None:
        number = len(losses) + 1
        batch = mix.batch(rows_of_step(order, number, size.batch))
        loss = compiled(
            *(_on_device(each, device) for each in (batch.tokens, batch.targets.tokens))
        )
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), declared.gradient_clip)
        for group in updates.param_groups:
            group["lr"] = learning_rate(number, count, declared)
        updates.step()
        updates.zero_grad()
        losses.append(loss.detach())

    measured = _timed(step, device, size)
    return measured, torch.stack(losses).tolist()


def _trainer(
    model: Any, size: Size, device: torch.device, count: int
) -> tuple[dict[str, float], list[float]]:
    """transformers' Trainer as people set it for speed: bf16, compiled, fused AdamW."""
    import tempfile

    from transformers import Trainer, TrainerCallback, TrainingArguments

    rows = sequences(size, count * size.batch)[consumption_order(count * size.batch, SEED)]
    examples = [{"input_ids": row, "labels": row} for row in rows.astype("int64")]
    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in (WARM_STEPS, count):
                synchronize(device)
                times.append(time.perf_counter())
                if state.global_step == WARM_STEPS and device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats(device)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=size.batch,
            max_steps=count,
            learning_rate=6e-4,
            bf16=device.type == "cuda",
            torch_compile=device.type == "cuda",
            use_cpu=device.type == "cpu",
            optim="adamw_torch_fused",
            logging_steps=count,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        started = time.perf_counter()
        Trainer(model, arguments, train_dataset=examples, callbacks=[Clock()]).train()
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return {
        "warm_up_seconds": times[0] - started,
        "seconds": times[1] - times[0],
        "peak_memory_mib": peak / MIB,
    }, []


SIDES = {"exact": _ours, "fast": _ours, "plain": _plain, "trainer": _trainer}


def _precision(device: torch.device) -> str:
    return "bf16" if device.type == "cuda" else "fp32"


def _row(
    side: str, model: Any, size: Size, device: torch.device, measured: dict[str, float]
) -> dict[str, Any]:
    """Rates and utilisation of one side."""
    parameters = parameter_count(model)
    rate = size.steps * size.batch * size.length / measured["seconds"]
    flops = rate * flops_per_token(model.config, parameters, size.length)
    best = measured_peak(device, _precision(device))
    stated = stated_peak(describe(device, "")["device"])
    return {
        "side": side,
        "parameters": parameters,
        "sequence_length": size.length,
        "batch": size.batch,
        "tokens_per_second": rate,
        "mfu_of_stated_peak": flops / stated if stated else None,
        "mfu_of_measured_peak": flops / best,
        "measured_peak_tflops": best / 1e12,
        **measured,
    }
