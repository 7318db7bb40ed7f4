"""A difference names its causes, counts what moved, and attributes only where one thing differs."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from audited_study import Audited
from tiny_study import NAME

from alignment_dagster.audit.diff import compare
from alignment_dagster.errors import ArtifactError

pytestmark = pytest.mark.slow
MORE = {"group": "synthetic_aligned", "share": 0.4}


@pytest.fixture(scope="module")
def refreshed(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The study run again with more synthetic documents in one recipe."""
    made = audited.copy(tmp_path_factory.mktemp("refreshed") / "study")
    path = made.study.assets / "recipes" / "aligned.yaml"
    recipe = {**yaml.safe_load(path.read_text()), "upsample": [MORE]}
    path.write_text(yaml.safe_dump(recipe))
    done = made.command("run", NAME)
    assert done.returncode == 0, done.stderr
    return made


def test_one_changed_share_is_the_one_cause(refreshed: Audited) -> None:
    data = compare(refreshed.archive, "previous", "current").data
    assert data["attributable_to"] is not None
    moved = [one for one in data["differences"] if one["can_have_moved_numbers"]]
    assert all("share" in one["path"] and "aligned" in one["path"] for one in moved)
    assert {(one["before"], one["after"]) for one in moved} == {("0.2", "0.4")}


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


def test_a_second_changed_thing_ends_the_attribution(refreshed: Audited, tmp_path: Path) -> None:
    both = refreshed.copy(tmp_path / "both")
    both.study.change(seeds=[0])
    path = both.study.assets / "studies" / f"{NAME}.yaml"
    declared = yaml.safe_load(path.read_text())
    declared["post_training"]["sft"]["learning_rate"] = 0.002
    path.write_text(yaml.safe_dump(declared))
    done = both.command("run", NAME)
    assert done.returncode == 0, done.stderr
    first = next(entry.version for entry in both.archive.journal if entry.asset == "eval_report")
    answer = compare(both.archive, first, "current")
    assert answer.data["attributable_to"] is None


def test_the_same_report_twice_differs_in_nothing(audited: Audited) -> None:
    answer = compare(audited.archive, "current", "current")
    assert answer.data["nothing_differs"]
    assert not answer.data["differences"]


def test_wrong_names_give_near_matches(audited: Audited) -> None:
    with pytest.raises(ArtifactError, match="near: unfiltered"):
        compare(audited.archive, "unfilterd", "aligned")
    with pytest.raises(ArtifactError, match="no report before"):
        compare(audited.archive, "previous", "current")
