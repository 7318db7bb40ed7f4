"""What the declared thresholds say of what was measured, and as what it is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pyarrow as pa

from alignment_dagster.drift.measure import Moved
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
class Judged(Moved):
    """What was measured, with its thresholds."""

    warn: float
    block: float | None
    outcome: Outcome

    @property
    def of_warning(self) -> float:
        """The value as a multiple of what it warns above; 0 where nothing was compared."""
        return (self.value or 0.0) / self.warn


def judged(moved: Iterable[Moved], drift: Drift) -> list[Judged]:
    """Each value against the thresholds of its measure."""
    found = []
    for one in moved:
        bounds: Threshold = getattr(drift, one.measure)
        outcome = _outcome(one.value, bounds)
        found.append(Judged(**asdict(one), warn=bounds.warn, block=bounds.block, outcome=outcome))
    return found


def _outcome(value: float | None, bounds: Threshold) -> Outcome:
    if value is None:
        return "not_compared"
    if bounds.block is not None and value > bounds.block:
        return "blocks"
    return "warns" if value > bounds.warn else "within"


def table(rows: Sequence[Judged]) -> pa.Table:
    """What `drift.parquet` holds."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)


def terms_table(terms: Sequence[NewTerm]) -> pa.Table:
    """What `terms.parquet` holds. The terms are foreign text."""
    return pa.Table.from_pylist([asdict(term) for term in terms], schema=TERMS)
