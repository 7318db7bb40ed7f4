"""The regression gate: a new report against the last approved one, and what stands behind it.

`reference.py` finds the report to compare with, `shared_answers.py` the answers that both have,
`paired_test.py` holds the test, `flips.py` the answers that changed, `data_changes.py` what differs
between the data, `outcome.py` what it all comes to, `status.py` what it says of the current report.
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
