"""How the distribution of every score has moved: the population stability index.

PSI = sum over bins of (now - then) * ln(now / then), where `now` and `then` are shares of the
documents. It is read so by custom: below 0.1 the same, 0.1 to 0.25 look at it, above that it is
another distribution. Source: Siddiqi, Credit Risk Scorecards (2006), section "Scorecard stability".

The bins are those between the deciles of the earlier version. A value that alone spans a decile
(a flag, a count that is mostly zero) has a bin of its own, so that a move away from it shows on
either side. An empty bin counts as half a document: with a fixed small share instead, one document
that changed in a source of few would weigh as much as a whole source that did.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.drift.change import Change
from alignment_dagster.drift.snapshot import Scores, Snapshot
from alignment_dagster.scoring.scorer import NUMBERS

Values = npt.NDArray[np.float64]
DECILES = np.arange(1, 10) / 10
EMPTY = 0.5
"""Documents that an empty bin counts as."""


def measure(now: Snapshot, then: Snapshot | None) -> list[Change]:
    """The index of each score that is a number or a flag; then and now are the means."""
    found = []
    for scorer, table in now.scores.items():
        earlier = then.scores.get(scorer) if then is not None else None
        for column in table.schema.names[1:]:
            values = _numbers(table, column)
            if values is not None:
                before = _numbers(earlier, column) if earlier is not None else None
                found.append(_change(f"{scorer}.{column}", before, values))
    return found


def _numbers(table: Scores, column: str) -> Values | None:
    """A column as numbers, where it has them; None if it holds others, or is not there."""
    schema = table.schema
    if column not in schema.names or schema.field(column).type not in NUMBERS:
        return None
    parts = [
        pc.cast(chunk.drop_null(), pa.float64()).to_numpy(zero_copy_only=False)
        for chunk in table.chunks(column)
    ]
    return np.concatenate([np.empty(0), *parts])


def _change(name: str, then: Values | None, now: Values) -> Change:
    mean = float(now.mean()) if len(now) else None
    if then is None or not len(then) or not len(now):
        return Change("scores", name, None, mean, None)
    return Change("scores", name, float(then.mean()), mean, stability_index(then, now))


def stability_index(then: Values, now: Values) -> float:
    """The population stability index of `now` against `then`; both hold something."""
    edges = bin_edges(then)
    before, after = (np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1)
                     for side in (then, now))  # fmt: skip
    filled = (before > 0) | (after > 0)
    p = np.maximum(before[filled], EMPTY) / len(then)
    q = np.maximum(after[filled], EMPTY) / len(now)
    return float(np.sum((q - p) * np.log(q / p)))


def bin_edges(then: Values) -> Values:
    """The upper ends of all bins but the last; each bin holds its upper end."""
    deciles = np.quantile(then, DECILES, method="inverted_cdf")
    distinct, times = np.unique(deciles, return_counts=True)
    alone = np.nextafter(distinct[times > 1], -np.inf)
    edges: Values = np.unique(np.concatenate([distinct, alone]))
    return edges
