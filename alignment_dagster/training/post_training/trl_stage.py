"""What the stages have in common: TRL's settings, the ledger of what is consumed, the log."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.training.consumption import Ledger
from alignment_dagster.training.machine import StopRequest
from alignment_dagster.training.step_log import LogRow

WARMUP_SHARE = 0.1
GRADIENT_CLIP = 1.0
REPORT_SECONDS = 0.5
LOGGED = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "reward": "reward",
}


@dataclass
class StageRecord:
    """What a stage consumed and how it went."""

    stage: str
    ledger: Ledger = field(default_factory=Ledger)
    log: list[LogRow] = field(default_factory=list)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    """What else it wrote down, by file name."""
    resumed_from: str = ""
    """SHA-256 of what a stopped run had left of it, where it was finished then."""


@dataclass(frozen=True)
class StageContext:
    """Where a stage runs: what it reports to, and what can stop it."""

    work: Path
    device: torch.device
    seed: int
    progress: Progress
    stop: StopRequest


def trainer_settings(context: StageContext) -> dict[str, Any]:
    """What every trainer is told.

    AdamW without weight decay; the rate rises over the first tenth of the steps and falls in a
    straight line to zero. Nothing is written, printed or sent by the trainer itself.
    """
    return {
        "output_dir": str(context.work),
        "use_cpu": context.device.type == "cpu",
        "seed": context.seed,
        "data_seed": context.seed,
        "lr_scheduler_type": "linear",
        "warmup_steps": WARMUP_SHARE,
        "max_grad_norm": GRADIENT_CLIP,
        "optim": "adamw_torch_fused",
        "weight_decay": 0.0,
        "bf16": False,
        "gradient_checkpointing": False,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "use_cache": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
    }


class NumberedCollator:
    """Adds to a batch which examples it is made of, as `example` [batch]."""

    def __init__(self, collator: Any) -> None:
        self._collator = collator

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = self._collator(examples)
        return {**batch, "example": torch.tensor([example["example"] for example in examples])}


class SilentMixin:
    """Mixed into a TRL trainer: nothing leaves this machine."""

    record: StageRecord
    document_ids: list[str]

    def _send_telemetry(self) -> None:
        """TRL would report each run to its makers."""


class RecordingMixin(SilentMixin):
    """Records what each training step is really given."""

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Tensor:
        """One step of the trainer, entered in the ledger."""
        documents = [self.document_ids[row] for row in inputs.pop("example").tolist()]
        consumed = inputs["input_ids"][inputs["attention_mask"].bool()]
        self.record.ledger.add(documents, consumed.cpu().numpy())
        loss: Tensor = super().training_step(model, inputs, *rest, **named)  # type: ignore[misc]
        return loss


class StepCallback(TrainerCallback):  # type: ignore[misc]
    """Logs every step, refuses a loss that is not finite, reports, and stops when told to."""

    def __init__(self, record: StageRecord, context: StageContext) -> None:
        self._record = record
        self._context = context
        self._reported = 0.0
        self._started = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Called by the trainer after every optimizer step, and once at the end."""
        if "loss" not in logs:
            return
        values = {ours: float(logs[theirs]) for theirs, ours in LOGGED.items() if theirs in logs}
        if not all(math.isfinite(value) for value in values.values()):
            raise AlignmentError(
                f"{self._record.stage}, step {state.global_step} of {state.max_steps}: "
                f"the loss or the gradient is not finite ({values}); training stopped"
            )
        row: LogRow = {"stage": self._record.stage, "step": state.global_step}
        self._record.log.append({**row, "tokens": self._record.ledger.tokens, **values})
        self._report(state, values)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After SIGINT or SIGTERM: leave."""
        if self._context.stop.signal:
            raise SystemExit(self._context.stop.exit_code)

    def _report(self, state: Any, values: dict[str, float]) -> None:
        now = time.perf_counter()
        if state.global_step < state.max_steps and now - self._reported < REPORT_SECONDS:
            return
        self._reported = now
        speed = self._record.ledger.tokens / (now - self._started)
        self._context.progress.report(
            self._record.stage,
            state.global_step,
            state.max_steps,
            "steps",
            **values,
            tokens_per_second=speed,
        )


def train(trainer: Any, record: StageRecord, document_ids: list[str]) -> None:
    """Run a recording trainer, filling `record`."""
    trainer.record = record
    trainer.document_ids = document_ids
    trainer.remove_callback(PrinterCallback)
    trainer.train()
