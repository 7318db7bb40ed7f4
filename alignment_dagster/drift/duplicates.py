"""How much of a source repeats itself."""

import numpy as np

from alignment_dagster.corpus.documents import short_ids
from alignment_dagster.drift.change import Change
from alignment_dagster.drift.snapshot import Snapshot


def measure(now: Snapshot, then: Snapshot | None) -> list[Change]:
    """The absolute change of the share of raw rows with the normalised text of another."""
    rate = _rate(now)
    if then is None:
        return [Change("duplicates", "exact duplicates", None, rate, None)]
    before = _rate(then)
    return [Change("duplicates", "exact duplicates", before, rate, abs(rate - before))]


def _rate(snapshot: Snapshot) -> float:
    """1 - distinct texts / raw rows; identical rows were merged when the source was read."""
    found = snapshot.scores["fingerprint"].chunks("fingerprint")
    parts = [short_ids(chunk.to_pylist()) for chunk in found]
    distinct = len(np.unique(np.concatenate(parts))) if parts else 0
    return 1.0 - distinct / snapshot.rows if snapshot.rows else 0.0
