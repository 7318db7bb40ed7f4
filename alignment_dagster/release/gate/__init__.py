"""The regression gate: a new report against the last approved one, and what stands behind it.

`reference.py` finds the report to compare with, `testing.py` holds the paired test, `flips.py` the
answers that changed, `data.py` what differs between the data, `outcome.py` what it all comes to.
"""

from alignment_dagster.release.gate.outcome import (
    FLIPS,
    REGRESSIONS,
    Outcome,
    read_outcome,
    write_gate,
)
from alignment_dagster.release.gate.reference import approval, approval_digest, last_approved

__all__ = [
    "FLIPS",
    "REGRESSIONS",
    "Outcome",
    "approval",
    "approval_digest",
    "last_approved",
    "read_outcome",
    "write_gate",
]
