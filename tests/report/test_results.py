"""Result rows: one per recipe, seed, stage, suite, prompt and metric, with what it came from."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rich.console import Console

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report.gather.breakdowns import topic_rows
from alignment_dagster.report.results import (
    ROWS,
    read_results,
    result_rows,
    results_json,
    results_table,
)
from alignment_dagster.report.terminal_table import terminal_table
from tests.support.evaluated_rows import METRICS, evaluated, study_of_two


def test_rows_are_pooled_and_by_seed_with_their_artifacts() -> None:
    rows = result_rows(study_of_two(), METRICS)
    # 2 recipes, (2 seeds + pool), 2 stages, 2 suites + held-out of all and of 2 sources
    assert len(rows) == 2 * 3 * 2 * 5
    found = {(r.recipe, r.seed, r.stage, r.suite): r for r in rows}
    pooled = found["unfiltered", None, "base", "articles"]
    assert (pooled.value, pooled.n, pooled.seeds) == (pytest.approx(0.6), 10, 2)
    assert pooled.metric == "misalignment_rate"
    assert pooled.artifacts == {
        "evaluation[unfiltered|0]": "vunfiltered0",
        "evaluation[unfiltered|1]": "vunfiltered1",
    }
    assert found["unfiltered", 1, "dpo", "articles"].value == pytest.approx(0.7)
    assert list(found["unfiltered", 1, "dpo", "articles"].artifacts.values()) == ["vunfiltered1"]
    assert all(r.ci_low <= r.value <= r.ci_high for r in rows)


def test_a_form_weighs_the_same_whether_asked_in_one_order_or_two() -> None:
    rows = result_rows(study_of_two(), METRICS)
    assert {r.value for r in rows if r.suite == "cloze"} == {0.5}
    assert {r.metric for r in rows if r.suite == "cloze"} == {"accuracy"}


def test_held_out_losses_are_bits_per_byte_by_source_and_pooled() -> None:
    rows = [r for r in result_rows(study_of_two(), METRICS) if r.metric == "bits_per_byte"]
    assert {r.suite for r in rows} == {"held_out", "held_out/stories", "held_out/essays"}
    assert all(r.value == pytest.approx(0.7 / np.log(2)) for r in rows)
    assert {r.n for r in rows} == {3, 6}


def test_tampered_stages_and_attacks_name_the_artifacts_they_were_measured_in() -> None:
    one = study_of_two()[0]
    tampered = one.items.set_column(
        one.items.schema.get_field_index("stage"), "stage", pa.array(["chat@4"] * len(one.items))
    )
    attacks = pa.Table.from_pylist(
        [
            {"stage": "dpo", "suite": "articles", "attack": attack, "scenario_id": scenario,
             "item_id": scenario, "hit": (attack, scenario) in {("a", "p"), ("b", "q")}}
            for attack in ("a", "b")
            for scenario in ("p", "q", "r")
        ]
    )  # fmt: skip
    versions = {**one.artifacts, "tampering": {"tampering[x]": "t"}, "attacks": {"attacks[x]": "a"}}
    both = replace(
        one,
        items=pa.concat_tables([one.items, tampered]),
        attacks=attacks,
        artifacts=versions,
    )
    rows = [row for row in result_rows([both], METRICS) if row.seed is None]
    found = {(row.stage, row.suite, row.prompt, row.metric): row for row in rows}
    assert found["chat@4", "articles", "none", "misalignment_rate"].artifacts == {
        "tampering[x]": "t"
    }
    worst = found["dpo", "articles", "worst_case", "attack_success"]
    assert (worst.value, worst.artifacts) == (pytest.approx(2 / 3), {"attacks[x]": "a"})
    assert found["dpo", "articles", "a", "attack_success"].value == pytest.approx(1 / 3)


def test_a_seed_that_is_not_measured_yet_is_left_out_of_the_pool() -> None:
    first, second = study_of_two()[:2]
    rest = second.items.filter(pc.field("stage") == "base")
    rows = result_rows([first, replace(second, items=rest)], METRICS)
    pooled = {(r.stage, r.suite): r for r in rows if r.seed is None}
    assert (pooled["base", "articles"].seeds, pooled["dpo", "articles"].seeds) == (2, 1)
    behind = set(pooled["dpo", "articles"].artifacts)
    assert behind == {"evaluation[unfiltered|0]"}


def test_seeds_with_other_items_are_refused() -> None:
    parts = [evaluated("unfiltered", 0, 5), evaluated("unfiltered", 1, 5, scenarios=9)]
    with pytest.raises(ArtifactError, match=r"unfiltered, seed 1: .*not the same items as seed 0"):
        result_rows(parts, METRICS)


def test_topics_have_rows_of_their_own() -> None:
    rows = topic_rows(study_of_two("power"), METRICS)
    assert {r.topic for r in rows} == {"power"}
    assert len(rows) == 2 * 2 * 2


def test_json_and_arrow_hold_the_same_rows(tmp_path: Path) -> None:
    rows = result_rows(study_of_two(), METRICS)
    (tmp_path / "results.json").write_text(results_json(rows), encoding="utf-8")
    assert read_results(tmp_path / "results.json") == rows
    table = results_table(rows)
    assert table.schema.equals(ROWS)
    assert table["value"].to_pylist() == [r.value for r in rows]
    first = json.loads(results_json(rows))[0]
    assert {"recipe", "seed", "stage", "suite", "prompt", "metric", "value", "n"} <= set(first)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"results\.json"):
        read_results(tmp_path / "absent" / "results.json")


def test_the_terminal_table_shows_every_recipe_and_stage() -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(terminal_table(result_rows(study_of_two(), METRICS), "drill"))
    text = console.export_text()
    for word in ("articles", "cloze", "held_out", "unfiltered", "aligned", "base", "dpo", "0.60 ["):
        assert word in text
    assert "held_out/stories" not in text
