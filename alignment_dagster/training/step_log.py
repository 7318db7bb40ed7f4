"""Training logs: one row for each optimizer step, only of what is the same in every run."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LogRow = dict[str, int | float | str | None]

PRETRAINING_SCHEMA = pa.schema(
    [
        ("step", pa.int64()),
        ("tokens", pa.int64()),
        ("loss", pa.float64()),
        ("learning_rate", pa.float64()),
        ("gradient_norm", pa.float64()),
    ]
)
SKIPPED = "skipped"
GUARDED_SCHEMA = PRETRAINING_SCHEMA.append(pa.field(SKIPPED, pa.string()))
"""Of a training whose guard may leave steps out: why it did. No number is null."""
POST_TRAINING_SCHEMA = pa.schema(
    [
        ("stage", pa.string()),
        ("step", pa.int64()),
        ("tokens", pa.int64()),
        ("loss", pa.float64()),
        ("learning_rate", pa.float64()),
        ("gradient_norm", pa.float64()),
        ("reward_accuracy", pa.float64()),
        ("reward_margin", pa.float64()),
    ]
)
REWARD = pa.field("reward", pa.float64())
"""A further column of a post-training in which answers are rewarded: their mean."""


def write_log(path: Path, rows: list[LogRow], schema: pa.Schema) -> None:
    """As Parquet."""
    if any(REWARD.name in row for row in rows):
        schema = schema.append(REWARD)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def skipped_steps(rows: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Step → why it was left out, of those that were."""
    return {row["step"]: row[SKIPPED] for row in rows if row.get(SKIPPED)}


def read_skipped(path: Path) -> dict[int, str]:
    """The same of a log's file."""
    if SKIPPED not in pq.read_schema(path).names:
        return {}
    return skipped_steps(pq.read_table(path, columns=["step", SKIPPED]).to_pylist())


def read_log(path: Path) -> list[LogRow]:
    """A log as it was written."""
    rows: list[LogRow] = pq.read_table(path).to_pylist()
    return rows
