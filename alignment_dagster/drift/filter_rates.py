"""How many documents each declared drop rule would drop."""

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.drift.change import Change
from alignment_dagster.drift.rules import Rule
from alignment_dagster.drift.snapshot import Snapshot


def measure(now: Snapshot, then: Snapshot | None, rules: tuple[Rule, ...]) -> list[Change]:
    """The absolute change of the share of documents that each rule would drop by itself."""
    found = []
    for rule in rules:
        rate = _rate(now, rule)
        before = _rate(then, rule) if then is not None else None
        value = abs(rate - before) if rate is not None and before is not None else None
        found.append(Change("filter_rates", rule.title, before, rate, value))
    return found


def _rate(snapshot: Snapshot, rule: Rule) -> float | None:
    """None where the version was not scored so."""
    scored = snapshot.scores.get(rule.scorer)
    if scored is None or rule.column not in scored.column_names:
        return None
    values = pc.cast(scored[rule.column], pa.float64())
    test = pc.greater if rule.above else pc.less
    return float(pc.mean(pc.cast(test(values, rule.bound), pa.float64())).as_py() or 0.0)
