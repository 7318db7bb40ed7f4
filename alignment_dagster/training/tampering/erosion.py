"""The measurements of a model while it is fine-tuned; they leave no trace in the training."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from transformers import TrainerCallback

from alignment_dagster.evaluation.answers import item_rows
from alignment_dagster.evaluation.model.losses import (
    HeldOutDocument,
    document_losses,
    read_held_out_documents,
)
from alignment_dagster.evaluation.suites.formats import Prompt, make_prompts
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.study import Suite, Tampering
from alignment_dagster.training.post_training.lora import merge_adapters
from alignment_dagster.training.post_training.trl_stage import StageRecord
from alignment_dagster.training.tampering.job import TamperJob, measured_suites, points, stage_name

CURVE = pa.schema(
    [
        ("tampering", pa.string()),
        ("step", pa.int64()),
        ("tokens", pa.int64()),
        ("suite", pa.string()),
        ("value", pa.float64()),
    ]
)
Measure = Callable[[Any, int, int], None]
"""(model, step, tokens consumed so far)."""


@dataclass
class Erosion:
    """The points of one tampering: answers, held-out losses, and the rates in short."""

    name: str
    last: int
    prompts: list[Prompt]
    held_out: tuple[HeldOutDocument, ...]
    tokenizer: Any
    context: int
    batch_tokens: int
    items: list[pa.Table] = field(default_factory=list)
    losses: list[pa.Table] = field(default_factory=list)
    curve: list[pa.Table] = field(default_factory=list)

    def measure(self, model: Any, step: int, tokens: int) -> None:
        """Answer all prompts; at step 0 and the last one, score the held-out documents too.

        Raises:
            AlignmentError: names the item or document whose result is not finite.
        """
        stage = stage_name(self.name, step)
        bounds = (self.context, self.batch_tokens)
        with measurement_mode(model) as measured:
            items = item_rows(measured, self.tokenizer, stage, self.prompts, *bounds)
            if step in (0, self.last):
                found = document_losses(measured, self.tokenizer, stage, self.held_out, *bounds)
                self.losses.append(_require_finite(found, stage))
        self.items.append(items)
        self.curve.append(rates(items, self.name, step, tokens))

    def begin_like(self, other: "Erosion") -> None:
        """Take over another tampering's point 0: the same questions to the same weights."""
        at = stage_name(self.name, 0)
        self.items.append(_with_stage(other.items[0], at))
        self.losses.append(_with_stage(other.losses[0], at))
        self.curve.append(rates(self.items[0], self.name, 0, 0))

    def tables(self) -> dict[str, pa.Table]:
        """Everything measured so far, by the name of its file."""
        parts = {"items": self.items, "losses": self.losses, "curve": self.curve}
        return {f"{name}.parquet": pa.concat_tables(tables) for name, tables in parts.items()}


class Questions:
    """What is asked of every model, read and put into words once."""

    def __init__(self, job: TamperJob, tokenizer: Any) -> None:
        self._job = job
        self._tokenizer = tokenizer
        self._prompts: dict[str, list[Prompt]] = {}
        corpora = [[Path(path) for path in shards] for shards in job.held_out]
        self._held_out = read_held_out_documents(
            Path(job.documents), corpora, job.held_out_documents
        )

    def of(self, tampering: Tampering) -> Erosion:
        """A tampering's measurements, none of them made yet.

        Raises:
            DataError: if a suite's items are not those that the job was planned with.
        """
        suites = measured_suites(tampering, self._job.suites)
        return Erosion(
            tampering.name,
            tampering.steps,
            [prompt for suite in suites for prompt in self._prompts_of(suite)],
            self._held_out,
            self._tokenizer,
            self._job.sequence_length,
            self._job.batch_tokens,
        )

    def _prompts_of(self, suite: Suite) -> list[Prompt]:
        key = suite.model_dump_json()
        if key not in self._prompts:
            assets = Path(self._job.assets)
            if content_digest(suite, assets) != self._job.digests.get(suite.name):
                message = "its items changed after the tampering was started"
                raise DataError(f"suite {suite.name}: {message}: run it again")
            self._prompts[key] = list(make_prompts(suite, load_suite(suite, assets)))
        return self._prompts[key]


class MeasurementCallback(TrainerCallback):  # type: ignore[misc]
    """Measures after the steps of `points`, once the step's loss is known to be finite."""

    def __init__(self, model: Any, record: StageRecord, steps: int, measure: Measure) -> None:
        self._model = model
        self._record = record
        self._points = frozenset(points(steps)) - {0}
        self._measure = measure

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Called by the trainer after every optimizer step, and once at the end."""
        if "loss" in logs and state.global_step in self._points:
            self._measure(self._model, state.global_step, self._record.ledger.tokens)


@contextmanager
def measurement_mode(model: Any) -> Iterator[Any]:
    """The model as it is measured: adapters merged, in evaluation mode.

    Afterwards its mode and the random number generator are as they were.
    """
    training = model.training
    with torch.random.fork_rng():
        model.eval()
        try:
            yield merge_adapters(model)
        finally:
            model.train(training)


def rates(items: pa.Table, name: str, step: int, tokens: int) -> pa.Table:
    """Share of hits by suite: the mean of the scenarios' means (schema `CURVE`)."""
    hits = items.append_column("value", pc.cast(items["hit"], pa.float64()))
    scenarios = hits.group_by(["suite", "scenario_id"], use_threads=False)
    means = scenarios.aggregate([("value", "mean")]).rename_columns(["suite", "scenario", "value"])
    suites = means.group_by("suite", use_threads=False).aggregate([("value", "mean")])
    at = {"tampering": name, "step": step, "tokens": tokens}
    rows: Iterable[dict[str, Any]] = suites.rename_columns(["suite", "value"]).to_pylist()
    return pa.Table.from_pylist([{**at, **row} for row in rows], schema=CURVE)


def _with_stage(table: pa.Table, stage: str) -> pa.Table:
    at = table.schema.get_field_index("stage")
    stages = pa.array([stage] * table.num_rows, pa.string())
    return table.set_column(at, table.schema.field(at), stages)


def _require_finite(losses: pa.Table, stage: str) -> pa.Table:
    broken = losses.filter(pc.invert(pc.is_finite(losses["nll"])))
    if broken.num_rows:
        row = broken.slice(0, 1).to_pylist()[0]
        raise AlignmentError(
            f"{stage}: the loss of held-out document {row['document_id']} is {row['nll']}"
        )
    return losses
