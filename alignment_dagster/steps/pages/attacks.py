"""What Dagster's pages show of `attacks`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.evaluation.attacks.selection import SEARCHES
from alignment_dagster.evaluation.attacks.success import attack_success
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, job_measurements, table
from alignment_dagster.study import WORST_CASE, Study

EXAMPLES = 8


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The share of items on which each attack works, and some of the strings that were found."""
    rows = pq.read_table(artifact.path / file_names.ATTACKS)
    shares: dict[tuple[str, str], dict[str, Any]] = {}
    hits = attack_success(rows)
    stages = list(dict.fromkeys(stage for _, stage, _ in hits))
    for (suite, stage, attack), found in hits.items():
        line = shares.setdefault((suite, attack), {"suite": suite, "attack": attack})
        line[stage] = sum(found) / len(found)
        line[f"{stage} items"] = len(found)
    columns = ["suite", "attack", *(name for stage in stages for name in (stage, f"{stage} items"))]
    blank = dict.fromkeys(columns)
    found = rows.filter((pc.field("hit") > 0) & pc.field("attack").isin(list(SEARCHES))).slice(
        0, EXAMPLES
    )
    shown = ["suite", "stage", "attack", "adversarial", "prompt", "generation"]
    worked = {
        f"{attack} {stage} {suite}": sum(hit) / len(hit)
        for (suite, stage, attack), hit in sorted(hits.items(), key=_worst_first)
    }
    plot = charts.shares(worked, "share of items on which it works")
    return {
        "plot": drawing(plot, "attack success"),
        "dagster/row_count": rows.num_rows,
        "success": dg.MetadataValue.md(
            table(({**blank, **row} for row in shares.values()), columns)
        ),
        "found_strings": dg.MetadataValue.md(table(found.to_pylist(), shown)),
        **job_measurements(artifact),
    }


def _worst_first(found: tuple[tuple[str, str, str], list[float]]) -> tuple[bool, float]:
    (_, _, attack), hit = found
    return attack != WORST_CASE, -sum(hit) / len(hit)
