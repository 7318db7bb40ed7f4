"""Two studies side by side: paired where both measured the same, and said where they did not."""

import json
import shutil
from pathlib import Path

import pytest

from alignment_dagster.audit.diff import compare, compare_studies
from alignment_dagster.audit.diff.incomparable import (
    find_one_sided,
    find_other_items,
    find_other_meanings,
)
from alignment_dagster.audit.diff.side_by_side import SAME, show_side_by_side
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.report.results import ResultRow, read_results
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

OTHER = "other"
TITLES = ("one", "two")


def row(
    suite: str = "articles",
    stage: str = "dpo",
    prompt: str = "none",
    metric: str = "misalignment_rate",
    recipe: str = "plain",
) -> ResultRow:
    return ResultRow(recipe, None, stage, suite, prompt, metric, 0.5, 0.4, 0.6, 10, 2, {})


def test_what_only_one_study_measured_is_named_once() -> None:
    one = [row(), row(stage="bad@0"), row(stage="bad@8"), row(recipe="filtered")]
    two = [row(), row("cloze"), row(prompt="few_shot", metric="attack_success"), row(prompt="hhh")]
    found = {(one.what, one.name, one.why) for one in find_one_sided([one, two], TITLES)}
    assert found == {
        ("recipe", "filtered", "only one measured it"),
        ("tampering", "bad", "only one measured it"),
        ("suite", "cloze", "only two measured it"),
        ("attack", "few_shot", "only two measured it"),
        ("prompt", "hhh", "only two measured it"),
    }


def test_a_suite_that_counts_something_else_is_not_compared() -> None:
    found = list(find_other_meanings([[row()], [row(metric="accuracy")]], TITLES))
    assert [one.why for one in found] == ["one counts misalignment_rate, two accuracy"]


def test_suites_are_compared_on_the_items_of_both_or_not_at_all() -> None:
    one = {"a": frozenset("123"), "b": frozenset("12"), "c": frozenset("1"), "d": frozenset("1")}
    two = {"a": frozenset("234"), "b": frozenset("3"), "c": frozenset("1"), "e": frozenset("1")}
    found = {one.name: (one.what, one.why) for one in find_other_items([one, two], TITLES)}
    assert found == {
        "a": ("items", "left out: 1 of one and 1 of two; compared on 2 items of both"),
        "b": ("suite", "no item in common: 2 of one and 1 of two"),
    }


@pytest.fixture(scope="module")
def two(audited: Audited, refreshed: Audited, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The study, and what became of it later under a name of its own."""
    made = audited.copy(tmp_path_factory.mktemp("two") / "study")
    shutil.copytree(refreshed.lake, made.home.lake / OTHER)
    return made


@pytest.fixture(scope="module")
def archives(two: Audited) -> tuple[Archive, Archive]:
    return open_archive(NAME, two.home), open_archive(OTHER, two.home)


@pytest.mark.slow
def test_studies_are_compared_as_two_reports_of_one_are(
    archives: tuple[Archive, Archive], refreshed: Audited
) -> None:
    data = compare_studies(*archives).data
    same = compare(refreshed.archive, "previous", "current").data
    assert data["studies"] == [NAME, OTHER]
    assert data["not_comparable"] == []
    for part in ("differences", "numbers", "identical_numbers", "attributable_to", "documents"):
        assert data[part] == same[part], part


@pytest.mark.slow
def test_one_table_has_both_studies_and_the_paired_change(
    archives: tuple[Archive, Archive],
) -> None:
    data = show_side_by_side(*archives).data
    found = {one["name"]: one for one in data["numbers"]}
    sides = [
        {
            (row.metric, row.suite, row.stage, row.recipe): row.value
            for row in read_results(archive.report().path / "results.json")
            if row.seed is None and row.prompt == "none" and row.metric != "attack_success"
        }
        for archive in archives
    ]
    for name, one in found.items():
        at = tuple(name.split("/")[:4])
        assert (one["before"]["value"], one["after"]["value"]) == (sides[0][at], sides[1][at])
        if one["paired"] is None:
            assert one["note"] == SAME
            assert one["before"]["value"] == one["after"]["value"]
        else:
            change = one["after"]["value"] - one["before"]["value"]
            assert one["paired"]["change"] == pytest.approx(change)
    assert {name.split("/")[3] for name, one in found.items() if one["paired"]} == {"aligned"}
    assert [one["path"] for one in data["differences"]] == [
        "recipes.aligned.upsample[synthetic_aligned].share"
    ]


@pytest.mark.slow
def test_an_attacked_suite_keeps_its_number_without_attacks(
    archives: tuple[Archive, Archive],
) -> None:
    """The attack `none` and the system prompt `none` are two things."""
    found = {one["name"]: one for one in show_side_by_side(*archives).data["numbers"]}
    assert found["misalignment_rate/articles/dpo/unfiltered/none"]["note"] == SAME


@pytest.mark.slow
def test_the_commands_take_two_studies(two: Audited, tmp_path: Path) -> None:
    page = tmp_path / "diff.html"
    done = two.command("audit", "diff", NAME, OTHER, "--json", "--html", str(page))
    assert json.loads(done.stdout)["studies"] == [NAME, OTHER]
    assert "Not compared, and why" in page.read_text()
    shown = two.command("results", NAME, OTHER).stdout
    assert "paired change" in shown
    assert "recipes.aligned.upsample[synthetic_aligned].share" in shown
    wrong = two.command("audit", "diff", NAME, "othr")
    assert wrong.returncode == 2
    said = " ".join(wrong.stderr.split())
    assert "'othr' is no other study (near: other); of tiny itself name two reports" in said


def test_a_study_is_not_compared_with_itself(archives: tuple[Archive, Archive]) -> None:
    with pytest.raises(ArtifactError, match="name two studies"):
        compare_studies(archives[0], archives[0])
