"""A difference names its causes, counts what moved, and attributes only where one thing differs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.diff import compare
from alignment_dagster.lineage.archive import Archive
from tests.support.audited_study import Audited
from tests.support.tiny_study import MEASURED, NAME, RECIPES

pytestmark = pytest.mark.slow


def test_one_changed_share_is_the_one_cause(refreshed: Audited) -> None:
    data = compare(refreshed.archive, "previous", "current").data
    assert data["attributable_to"] is not None
    moved = [one for one in data["differences"] if one["can_have_moved_numbers"]]
    assert all("share" in one["path"] and "aligned" in one["path"] for one in moved)
    assert {(one["before"], one["after"]) for one in moved} == {(0.2, 0.4)}


def test_only_numbers_of_the_changed_recipe_moved(refreshed: Audited) -> None:
    data = compare(refreshed.archive, "previous", "current").data
    assert {one["recipe"] for one in data["numbers"]} == {"aligned"}
    assert data["identical_numbers"] > 0


def test_tokens_before_and_after_are_those_of_the_mixes(refreshed: Audited) -> None:
    archive = refreshed.archive
    data = compare(archive, "previous", "current").data
    assert {row["recipe"] for row in data["documents"]["by_source"]} == {"aligned"}
    versions = [key for key in archive.keys if key[:2] == ("curated_mix", "aligned")]
    shares = []
    for key in versions:
        table = pq.read_table(archive.artifact(*key).path / "composition.parquet")
        rows = {row["source"]: row["share"] for row in table.to_pylist()}
        shares.append(round(rows["aligned_docs"], 1))
    assert sorted(shares) == [0.2, 0.4]


def test_a_change_is_the_difference_of_the_two_reports_numbers(refreshed: Audited) -> None:
    archive = refreshed.archive
    data = compare(archive, "previous", "current").data
    pooled = [
        {
            "/".join((row["metric"], row["suite"], row["stage"], row["recipe"], row["prompt"])): row
            for row in json.loads((archive.find(label).path / "results.json").read_text())
            if row["seed"] is None
        }
        for label in (data["before"], data["after"])
    ]
    assert data["numbers"]
    for one in data["numbers"]:
        difference = pooled[1][one["name"]]["value"] - pooled[0][one["name"]]["value"]
        assert np.isclose(one["change"], difference, atol=1e-9), one["name"]
        assert one["ci_low"] <= one["change"] <= one["ci_high"]


@pytest.fixture(scope="module")
def filtered(refreshed: Audited, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Then once more: the other recipe drops documents, and one claim fewer is made."""
    made = refreshed.copy(tmp_path_factory.mktemp("filtered") / "study")
    made.study.write(
        "recipes/unfiltered",
        {"name": "unfiltered", "description": "d", "remainder": "natural",
         "drop": RECIPES["filtered"]["drop"]},
    )  # fmt: skip
    made.study.change(claims=MEASURED["claims"][:-1])
    done = made.command("run", NAME)
    assert done.returncode == 0, done.stderr
    return made


def test_the_next_change_is_the_one_cause_again_and_a_claim_is_none(filtered: Audited) -> None:
    """What the first recipe kept from before its own change does not count as changed now."""
    answer = compare(filtered.archive, "previous", "current")
    assert answer.data["attributable_to"] == "recipes.unfiltered.drop[ai_discourse]"
    assert "attributable to it" in answer.sentences[0]
    still = [one for one in answer.data["differences"] if not one["can_have_moved_numbers"]]
    assert [one["title"] for one in still] == ["claims.also_attacked"]
    assert {one["recipe"] for one in answer.data["numbers"]} == {"unfiltered"}


def test_two_changed_things_end_the_attribution(filtered: Audited) -> None:
    first = reports(filtered)[0]
    answer = compare(filtered.archive, first, "current")
    assert answer.data["attributable_to"] is None
    moved = [one["title"] for one in answer.data["differences"] if one["can_have_moved_numbers"]]
    assert set(moved) == {
        "recipes.aligned.upsample[synthetic_aligned].share",
        "recipes.unfiltered.drop[ai_discourse]",
    }
    assert "No change can be attributed to one of them" in answer.sentences[0]


def test_documents_that_the_new_rule_drops_are_counted_by_source_rule_and_score(
    filtered: Audited,
) -> None:
    archive = filtered.archive
    old, new = (
        {row["document_id"]: row for row in dispositions(archive, label)}
        for label in reports(filtered)[-2:]
    )
    wanted = Counter(
        (old[name]["state"], new[name]["rule"], new[name]["source"])
        for name in old
        if old[name]["state"] != new[name]["state"]
    )
    assert wanted
    found = compare(archive, "previous", "current").data["documents"]
    assert (
        Counter(
            {
                (row["was"], row["now"].removeprefix("dropped: "), row["source"]): row["documents"]
                for row in found["by_rule"]
            }
        )
        == wanted
    )
    bands = [row for row in found["by_band"] if row["rule"] == "ai_discourse"]
    assert {row["band_after"] for row in bands if row["now_dropped"]} == {"1"}
    assert sum(row["now_dropped"] for row in bands) == sum(wanted.values())
    dropped = [one for one in found["examples"] if one["mix"] == "removed"]
    assert {one["path"] for one in dropped} == {"ai_news.jsonl"}
    assert all("artificial intelligence" in one["excerpt"] for one in dropped)


def test_two_recipes_differ_in_what_they_declare_and_nothing_else(audited: Audited) -> None:
    answer = compare(audited.archive, "unfiltered", "aligned")
    differences = [one["title"] for one in answer.data["differences"]]
    assert differences == ["recipe.upsample[synthetic_aligned]", "treat", "reward", "objective"]
    assert answer.data["attributable_to"] is None
    assert not answer.warnings
    added = {row["source"]: row["added"] for row in answer.data["documents"]["by_source"]}
    assert added == {"stories": 0, "ai_news": 0, "aligned_docs": 25}


def test_the_command_prints_the_answer_and_a_page(audited: Audited, tmp_path: Path) -> None:
    page = tmp_path / "diff.html"
    done = audited.command(
        "audit", "diff", NAME, "unfiltered", "aligned", "--json", "--html", str(page)
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads(json.dumps(compare(audited.archive, "unfiltered", "aligned").data))
    assert "recipe.upsample[synthetic_aligned]" in page.read_text()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("unfiltered", "alined"), "'alined' is no report and no recipe (near: aligned)"),
        (("unfiltered", "current"), "unfiltered is a recipe"),
        (("current", "current", "--report", "current"), "no version"),
        (("previous", "current"), "no report before"),
        (("0000", "current"), "'0000' is no report and no recipe"),
    ],
)
def test_a_mistake_gets_one_message(audited: Audited, names: tuple[str, ...], said: str) -> None:
    done = audited.command("audit", "diff", NAME, *names)
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_same_report_twice_differs_in_nothing(audited: Audited) -> None:
    answer = compare(audited.archive, "current", "current")
    assert answer.data["nothing_differs"]
    assert not answer.data["differences"]


def test_a_damaged_file_gets_one_message(altered: Audited) -> None:
    path = next(altered.lake.glob("evaluation/aligned.0/*/items.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    done = altered.command("audit", "diff", NAME, "unfiltered", "aligned")
    assert done.returncode != 0
    assert "the ledgers cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def reports(audited: Audited) -> list[str]:
    """The labels of the study's reports, in their order."""
    entries = [entry for entry in audited.archive.journal if entry.asset == "eval_report"]
    return [f"eval_report@{entry.version}" for entry in entries]


def dispositions(archive: Archive, report: str) -> list[dict[str, Any]]:
    """What a report's recipe `unfiltered` decided over the documents to pretrain on."""
    (artifact,) = (
        one for one in archive.parents(archive.find(report)) if one.asset == "dispositions"
    )
    return list(pq.read_table(artifact.path / "unfiltered" / "pretraining.parquet").to_pylist())
