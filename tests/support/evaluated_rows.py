"""Evaluations of two recipes and two seeds, small enough to compute by hand."""

from typing import Any

import pyarrow as pa

from alignment_dagster.report.cells import Replicate

METRICS = {"articles": "misalignment_rate", "cloze": "accuracy"}


def evaluated(
    recipe: str, seed: int, misaligned: int, topic: str = "honesty", scenarios: int = 10
) -> Replicate:
    """`misaligned` of the scenarios are hits in every format; `listed` is asked in two orders."""
    items: list[dict[str, Any]] = []
    for stage in ("base", "dpo"):
        for number in range(scenarios):
            for name, order in (("continuation", 0), ("listed", 0), ("listed", 1)):
                row = {
                    "stage": stage,
                    "suite": "articles",
                    "system_prompt": "none",
                    "scenario_id": f"s{number}",
                    "topic": topic,
                    "format": name,
                    "option_order": order,
                    "hit": float(number < misaligned),
                }
                items.append(row)
                items.append({**row, "suite": "cloze", "hit": float(name == "continuation")})
    losses = [
        {"stage": stage, "source": source, "document_id": f"{source}{n}", "nll": 70.0, "bytes": 100}
        for stage in ("base", "dpo")
        for source in ("stories", "essays")
        for n in range(3)
    ]
    versions = {"evaluation": {f"evaluation[{recipe}|{seed}]": f"v{recipe}{seed}"}}
    return Replicate(
        recipe, seed, pa.Table.from_pylist(items), pa.Table.from_pylist(losses), versions
    )


def study_of_two(topic: str = "honesty") -> list[Replicate]:
    return [
        evaluated("unfiltered", 0, 5, topic),
        evaluated("unfiltered", 1, 7, topic),
        evaluated("aligned", 0, 0, topic),
        evaluated("aligned", 1, 1, topic),
    ]
