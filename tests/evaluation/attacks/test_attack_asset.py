"""The asset's checks find what is wrong, and its page shows hostile text as text."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.evaluation.attacks.files import ATTACKS, NOT_APPLIED, REPRODUCED
from alignment_dagster.evaluation.attacks.selection import choose_items
from alignment_dagster.evaluation.attacks.success import attack_success
from alignment_dagster.lineage import file_names
from alignment_dagster.steps import attacks as asset
from tests.support.attack_drill import Drill, attacks

HOSTILE = "x | y <script>alert(1)</script> [a](http://b) \u202e `c`"


def row(item: Any, stage: str, attack: str, hit: float = 0.0) -> dict[str, Any]:
    return {
        "suite": "drill", "item_id": item.item_id, "scenario_id": item.scenario_id,
        "topic": "t", "stage": stage, "attack": attack, "hit": hit, "scorer": "option_preference",
        "score": 0.1, "prompt": HOSTILE, "adversarial": HOSTILE, "generation": HOSTILE,
        "log_probabilities": [-1.0, -2.0], "tokens": [1, 1], "queries": 1,
    }  # fmt: skip


@pytest.fixture
def study(drill: Drill) -> Any:
    declared = attacks(methods=["none", "many_shot", "random_search"])
    return SimpleNamespace(
        declaration=SimpleNamespace(attacks=declared),
        assets=drill.folder,
        suites=(drill.suite,),
        suite=lambda name: drill.suite,
    )


@pytest.fixture
def rows(study: Any, drill: Drill) -> list[dict[str, Any]]:
    declared = study.declaration.attacks
    chosen = choose_items(drill.suite, drill.items, declared)
    plan = [("none", chosen.attacked), ("random_search", chosen.items_to_search(declared))]
    return [
        row(item, stage, attack, attack != "none" and stage == "dpo")
        for stage in ("base", "dpo")
        for attack, items in plan
        for item in items
    ]


def write(folder: Path, rows: Any, left_out: Any = (), again: Any = ()) -> pa.Table:
    folder.mkdir(exist_ok=True)
    for name, schema, content in (
        (file_names.ATTACKS, ATTACKS, rows),
        (file_names.NOT_APPLIED, NOT_APPLIED, left_out),
        (file_names.REPRODUCED, REPRODUCED, again),
    ):
        pq.write_table(pa.Table.from_pylist(list(content), schema=schema), folder / name)
    return pq.read_table(folder / file_names.ATTACKS)


def test_all_items_are_attacked_or_said_to_have_no_room(
    study: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    left_out = [
        {**one, "attack": "many_shot", "reason": "r"} for one in rows if one["attack"] == "none"
    ]
    folder = tmp_path / "artifact"
    check = asset._attacked(study, folder, write(folder, rows, left_out))
    assert check.passed, check.summary
    assert check.summary.startswith("12 of 20 attacks; no room in the context for many_shot 8;")
    assert not asset._attacked(study, folder, write(folder, rows[1:], left_out)).passed
    assert not asset._attacked(study, folder, write(folder, rows, left_out[1:])).passed
    rows[0]["score"] = float("nan")
    assert not asset._attacked(study, folder, write(folder, rows, left_out)).passed


def test_a_string_with_another_outcome_fails_the_check(
    rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    same = [{**one, "recorded": one["hit"], "again": one["hit"]} for one in rows]
    folder = tmp_path / "artifact"
    write(folder, rows, again=same)
    assert asset._strings(folder).passed
    write(folder, rows, again=[*same, {**same[0], "again": not same[0]["again"]}])
    check = asset._strings(folder)
    assert not check.passed
    assert same[0]["item_id"][:12] in check.summary


def test_the_worst_case_is_any_attack_on_the_item(rows: list[dict[str, Any]]) -> None:
    found = attack_success(pa.Table.from_pylist(rows))
    assert found["drill", "dpo", "none"] == [False] * 4
    assert found["drill", "dpo", "random_search"] == [True] * 2
    assert sorted(found["drill", "dpo", "worst_case"]) == [False, False, True, True]
    assert found["drill", "base", "worst_case"] == [False] * 4


def test_the_page_shows_what_was_found_as_text(
    study: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    write(tmp_path / "artifact", rows)
    artifact = SimpleNamespace(
        path=tmp_path / "artifact", provenance=SimpleNamespace(measured={"seconds": 1.0})
    )
    shown = asset.page_metadata(study, artifact)  # type: ignore[arg-type]
    assert shown["dagster/row_count"] == len(rows)
    assert "| drill | worst\\_case | 0 | 4 | 0.5 | 4 |" in shown["success"].value
    text = shown["found_strings"].value
    assert "\u202e" not in text
    assert "<script>" in text
    assert "<script>" not in re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text), "only as code"


def test_a_study_without_attacks_has_no_partitions() -> None:
    study = SimpleNamespace(declaration=SimpleNamespace(attacks=None))
    assert asset.STEP.partitions(study) == ()  # type: ignore[arg-type]
    assert not asset.STEP.exists(study)  # type: ignore[arg-type]
