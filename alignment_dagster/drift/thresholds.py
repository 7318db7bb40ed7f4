"""The declared thresholds, applied to what was measured; the tables that come of it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pyarrow as pa

from alignment_dagster.drift.change import Change
from alignment_dagster.drift.new_terms import NewTerm
from alignment_dagster.study import Drift, Threshold

Outcome = Literal["not_compared", "within", "warns", "blocks"]
SCHEMA = pa.schema(
    [
        ("measure", pa.string()),
        ("column", pa.string()),
        ("then", pa.float64()),
        ("now", pa.float64()),
        ("value", pa.float64()),
        ("warn", pa.float64()),
        ("block", pa.float64()),
        ("outcome", pa.string()),
    ]
)
TERMS = pa.schema(
    [
        ("term", pa.string()),
        ("documents_then", pa.int64()),
        ("documents_now", pa.int64()),
        ("share_then", pa.float64()),
        ("share_now", pa.float64()),
        ("times", pa.float64()),
    ]
)


@dataclass(frozen=True)
class BoundedChange(Change):
    """A change with its thresholds, and what follows from them."""

    warn: float
    block: float | None
    outcome: Outcome

    @property
    def of_warning(self) -> float:
        """The value as a multiple of what it warns above; 0 where nothing was compared."""
        return (self.value or 0.0) / self.warn


def apply_thresholds(changes: Iterable[Change], drift: Drift) -> list[BoundedChange]:
    """Each value against the thresholds of its measure."""
    rows = []
    for change in changes:
        bounds: Threshold = getattr(drift, change.measure)
        outcome = _outcome(change.value, bounds)
        rows.append(
            BoundedChange(**asdict(change), warn=bounds.warn, block=bounds.block, outcome=outcome)
        )
    return rows


def _outcome(value: float | None, bounds: Threshold) -> Outcome:
    if value is None:
        return "not_compared"
    if bounds.block is not None and value > bounds.block:
        return "blocks"
    return "warns" if value > bounds.warn else "within"


def drift_table(rows: Sequence[BoundedChange]) -> pa.Table:
    """What `drift.parquet` holds."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)


def terms_table(terms: Sequence[NewTerm]) -> pa.Table:
    """What `terms.parquet` holds. The terms are foreign text."""
    return pa.Table.from_pylist([asdict(term) for term in terms], schema=TERMS)
