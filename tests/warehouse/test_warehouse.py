"""The warehouse, with real dbt on tiny inputs: what it promises about every document and number."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from alignment_dagster import warehouse as w
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.study import DropRule, Recipe
from tests.support.tiny_lake import FILTERED, HOSTILE, PLAIN, document_id, lake, study

Row = dict[str, object]
SIZE = 40
pytestmark = pytest.mark.slow


def prepared(root: Path, *recipes: Recipe) -> w.Warehouse:
    warehouse = w.Warehouse(Home(root), "tiny")
    w.prepare(warehouse, study(*recipes), lake(root / "lake", SIZE))
    return warehouse


def rows(warehouse: w.Warehouse, model: str) -> list[Row]:
    return [row for path in warehouse.exported(model) for row in pq.read_table(path).to_pylist()]


def digests(warehouse: w.Warehouse) -> dict[str, str]:
    return {
        str(path.relative_to(warehouse.exports)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(warehouse.exports.rglob("*.parquet"))
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> w.Warehouse:
    """Everything, unit tests included, in a home whose path is hostile too."""
    warehouse = prepared(tmp_path_factory.mktemp("home") / "it's [a] *; drop table x; --")
    w.run_dbt(warehouse, "build")
    return warehouse


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for several builds: dbt parses the project only for the first of them."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def dispositions(built: w.Warehouse) -> dict[tuple[str, str], Row]:
    return {(str(r["document_id"]), str(r["recipe"])): r for r in rows(built, "dispositions")}


def test_every_document_has_exactly_one_disposition_for_each_recipe(
    built: w.Warehouse, dispositions: dict[tuple[str, str], Row]
) -> None:
    documents = rows(built, "documents")
    raw = SIZE + SIZE // 2 + 1 + 3 * (SIZE // 4)
    assert len(documents) == raw
    assert len(rows(built, "dispositions")) == len(dispositions) == 2 * raw


def test_the_first_rule_that_applies_decides(dispositions: dict[tuple[str, str], Row]) -> None:
    leaked = dispositions[document_id("stories", 7), "plain"]
    assert (leaked["rule"], leaked["cause"], leaked["weight"]) == ("evaluation_item", HOSTILE, 0)
    repeated = dispositions[document_id("extra", 1), "plain"]
    assert (repeated["rule"], repeated["cause"]) == ("exact_duplicate", document_id("stories", 2))
    short = dispositions[document_id("stories", 5), "plain"]
    assert (short["rule"], short["value"]) == ("too_short", 2)
    assert dispositions[document_id("made", 0), "plain"]["rule"] == "not_selected"
    flagged = dispositions[document_id("stories", 14), "filtered"]
    assert (flagged["rule"], flagged["value"]) == ("no_ai", 1)
    assert dispositions[document_id("stories", 14), "plain"]["state"] == "kept"


def test_a_recipes_filter_leaves_post_training_alone(
    dispositions: dict[tuple[str, str], Row],
) -> None:
    talk = dispositions[document_id("talk", 3), "filtered"]
    assert (talk["use"], talk["state"], talk["weight"]) == ("sft", "kept", 1)


def test_weighted_characters_of_the_groups_have_the_declared_shares(
    dispositions: dict[tuple[str, str], Row],
) -> None:
    mass = dict.fromkeys(("web", "made"), 0.0)
    for row in dispositions.values():
        if row["recipe"] == "filtered" and row["use"] == "pretraining":
            mass[str(row["group"])] += float(str(row["weight"])) * int(str(row["characters"]))
    assert mass["made"] / sum(mass.values()) == pytest.approx(0.25)


def test_held_out_documents_are_natural_and_never_kept(
    built: w.Warehouse, dispositions: dict[tuple[str, str], Row]
) -> None:
    aside = [row for row in rows(built, "documents") if row["held_out"]]
    assert aside
    assert {row["group"] for row in aside} == {"web"}
    keys = [(str(row["document_id"]), recipe) for row in aside for recipe in ("plain", "filtered")]
    assert {dispositions[key]["state"] for key in keys} == {"dropped"}


def test_metrics_weigh_scenarios_equally_and_average_the_seeds(built: w.Warehouse) -> None:
    found = {
        (row["suite"], row["seed"], row["metric"]): row["value"]
        for row in rows(built, "metrics")
        if row["recipe"] == "plain"
    }
    assert found["articles", 0, "misalignment_rate"] == 0.25
    assert found["articles", 1, "misalignment_rate"] == 0.75
    assert found["articles", None, "misalignment_rate"] == 0.5
    assert found["held_out/stories", 0, "bits_per_byte"] == pytest.approx(1.442695, abs=1e-6)


def test_hostile_text_passes_through_unchanged(built: w.Warehouse) -> None:
    external = {row["external_id"] for row in rows(built, "documents")}
    assert HOSTILE in external


def test_text_never_enters_the_warehouse(built: w.Warehouse) -> None:
    stored = "select column_name from duckdb_columns() join duckdb_tables() using (table_oid)"
    with duckdb.connect(str(built.home.warehouse), read_only=True) as connection:
        columns = {name for (name,) in connection.execute(stored).fetchall()}
    assert "fingerprint" in columns
    assert columns.isdisjoint({"text", "payload"})


def test_columns_are_traced_back_to_the_lake(built: w.Warehouse) -> None:
    columns = {
        (model, column.name): column
        for model, all_ in w.read_columns(built).items()
        for column in all_
    }
    assert columns["dispositions", "weight"].type == "double"
    assert ("documents", "characters") in columns["dispositions", "weight"].origins
    assert ("declaration", "share") in columns["dispositions", "weight"].origins
    assert columns["documents", "fingerprint"].origins == (("stg_documents", "fingerprint"),)
    assert columns["stg_documents", "fingerprint"].origins == (("scored_corpus", "fingerprint"),)
    assert columns["stg_documents", "characters"].origins == (("raw_corpus", "characters"),)
    assert ("evaluation", "hit") in columns["metrics", "value"].origins


def test_every_column_of_a_mart_says_what_it_means(built: w.Warehouse) -> None:
    silent = [
        (model, column.name)
        for model, all_ in w.read_columns(built).items()
        for column in all_
        if not model.startswith("stg_") and not column.description
    ]
    assert silent == []


def test_the_same_inputs_give_the_same_bytes_and_a_new_recipe_adds_rows(scratch: Path) -> None:
    warehouse = prepared(scratch)
    w.require_passed(w.build(warehouse, w.CORPUS))
    before = digests(warehouse)
    strict = DropRule(rule="long", scorer="text_stats", column="words", above=4, groups=("web",))
    third = Recipe(name="third", description="short ones", remainder="web", drop=(strict,))
    w.prepare(warehouse, study(PLAIN, FILTERED, third), lake(scratch / "lake", SIZE))
    w.require_passed(w.build(warehouse, w.CORPUS))
    after = digests(warehouse)
    assert after.pop("dispositions/third.parquet")
    assert after == before
    assert "long" in {row["rule"] for row in rows(warehouse, "dispositions")}


def test_a_share_that_no_document_can_fill_is_refused(scratch: Path) -> None:
    nothing = DropRule(rule="all", scorer="text_stats", column="words", above=0, groups=("made",))
    warehouse = prepared(scratch, FILTERED.model_copy(update={"drop": (nothing,)}))
    outcomes = w.build(warehouse, w.CORPUS)
    states = {outcome.name: outcome.state for outcome in outcomes}
    assert states["dispositions"] == "passed"
    assert states["shares_can_be_met"] == "failed"
    with pytest.raises(AlignmentError, match="shares_can_be_met"):
        w.require_passed(outcomes)


def test_a_lost_score_table_is_refused(scratch: Path) -> None:
    warehouse = w.Warehouse(Home(scratch), "tiny")
    inputs = lake(scratch / "lake", SIZE)
    scores = {**(inputs.scores or {})}
    scores["fingerprint"] = scores["fingerprint"][1:]
    w.prepare(warehouse, study(), replace(inputs, scores=scores))
    states = {outcome.name: outcome.state for outcome in w.build(warehouse, w.CORPUS)}
    assert states["not_null_stg_documents_fingerprint"] == "failed"
    assert states["documents"] == states["dispositions"] == "skipped"


def test_a_warehouse_open_elsewhere_gives_one_message_that_says_where(scratch: Path) -> None:
    warehouse = prepared(scratch)
    holder = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(warehouse.home.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(AlignmentError) as caught:
            w.build(warehouse, w.CORPUS)
    finally:
        process.communicate(b"\n")
    message = str(caught.value)
    assert f"PID {process.pid}" in message
    assert str(warehouse.home.warehouse) in message
    assert "\n" not in message


def test_the_project_is_parsed_once_for_all_studies_and_without_data(tmp_path: Path) -> None:
    first, second = (w.Warehouse(Home(tmp_path), name) for name in ("tiny", "warehouse"))
    assert w.read_manifest(first) == w.read_manifest(first)
    found = w.read_manifest(second)
    assert not second.folder.exists()
    assert not first.home.warehouse.exists()
    for warehouse in (first, second):
        w.run_dbt(warehouse, "parse")
        parsed = json.loads((warehouse.target / "manifest.json").read_text())
        assert tables(w.read_manifest(warehouse)) == tables(parsed)
    assert tables(found) != tables(w.read_manifest(first))


def tables(manifest: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Schema and relation of every model, test and source."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    return {name: (node["schema"], node["relation_name"]) for name, node in nodes.items()}
