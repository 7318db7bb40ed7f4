"""What the contamination check would have missed, measured on the study's own items."""

from collections.abc import Mapping, Sequence

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.report.rows import LeakRow
from alignment_dagster.scoring.leak_probes import measure_recall


def leak_rows(suites: Mapping[str, Sequence[Item]]) -> Sequence[LeakRow]:
    """One row for each suite and way of leaking."""
    names = ["suite", "leak", "probes", "found", "recall"]
    return [LeakRow(**row) for row in measure_recall(suites).select(names).to_pylist()]
