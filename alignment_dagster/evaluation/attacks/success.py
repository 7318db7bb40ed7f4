"""Which attacks worked, counted over items."""

from collections import defaultdict

import pyarrow as pa

from alignment_dagster.study import WORST_CASE


def attack_success(rows: pa.Table) -> dict[tuple[str, str, str], list[float]]:
    """Suite, stage and attack → how much each item counts; `worst_case`: the most of any attack."""
    hits: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    worst: dict[tuple[str, str, str], float] = defaultdict(float)
    columns = ["suite", "stage", "attack", "item_id", "hit"]
    for row in rows.select(columns).to_pylist():
        hits[row["suite"], row["stage"], row["attack"]].append(row["hit"])
        item = (row["suite"], row["stage"], row["item_id"])
        worst[item] = max(worst[item], row["hit"])
    for (suite, stage, _), hit in worst.items():
        hits[suite, stage, WORST_CASE].append(hit)
    return dict(hits)
