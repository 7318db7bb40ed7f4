"""Which attacks worked, counted over items."""

from collections import defaultdict

import pyarrow as pa

from alignment_dagster.study import WORST_CASE


def attack_success(rows: pa.Table) -> dict[tuple[str, str, str], list[bool]]:
    """Suite, stage and attack → whether it worked, item by item; `worst_case`: any attack did."""
    hits: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    worst: dict[tuple[str, str, str], bool] = defaultdict(bool)
    columns = ["suite", "stage", "attack", "item_id", "hit"]
    for row in rows.select(columns).to_pylist():
        hits[row["suite"], row["stage"], row["attack"]].append(row["hit"])
        worst[row["suite"], row["stage"], row["item_id"]] |= row["hit"]
    for (suite, stage, _), hit in worst.items():
        hits[suite, stage, WORST_CASE].append(hit)
    return dict(hits)
