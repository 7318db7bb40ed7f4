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
    if scored is None or rule.column not in scored.schema.names:
        return None
    test = pc.greater if rule.above else pc.less
    hits = documents = 0
    for chunk in scored.chunks(rule.column):
        found = test(pc.cast(chunk, pa.float64()), rule.bound)
        hits += found.true_count
        documents += len(found) - found.null_count
    return hits / documents if documents else 0.0
