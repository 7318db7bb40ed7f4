"""Every row of a corpus is accounted for, and what became of a document is told with its cause."""

from collections.abc import Mapping
from typing import Any

import pytest

from alignment_dagster.audit.corpus.changes import compare_decisions
from alignment_dagster.audit.corpus.quarantine import describe_quarantine
from alignment_dagster.audit.corpus.story import find_story
from alignment_dagster.audit.corpus.story_answer import story_as_answer
from alignment_dagster.audit.corpus.threshold_answer import measure_thresholds, thresholds_as_answer
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from tests.support import decided_lake
from tests.support.decided_lake import ITEM, MATCHES, TEXTS, document_id


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return decided_lake.make(tmp_path_factory.mktemp("lake"))[1]


def told(archive: Archive, source: str, number: int, recipe: str | None = None) -> Any:
    return story_as_answer(find_story(archive, document_id(source, number), recipe))


def thresholds(archive: Archive, column: str | None = None) -> Mapping[str, Any]:
    return thresholds_as_answer(archive.study, measure_thresholds(archive, column)).data


def decision(data: Mapping[str, Any], recipe: str) -> Mapping[str, Any]:
    (found,) = data["recipes"][recipe]["decisions"]
    return dict(found)


def test_quarantined_rows_are_named_counted_and_held_against_what_is_allowed(
    archive: Archive,
) -> None:
    found = describe_quarantine(archive)
    (row,) = found.data["rows"]
    assert (row["source"], row["path"], row["line"]) == ("web", "web.jsonl", 77)
    assert row["sha256"] == "a" * 64
    assert [one["rows"] for one in found.data["reasons"]] == [1]
    web = next(one for one in found.data["sources"] if one["source"] == "web")
    assert (web["documents"], web["repeated"], web["quarantined"]) == (3, 1, 1)
    assert (web["share"], web["allowed"], web["refused"]) == (0.2, 0.1, True)
    assert "max_quarantined_share in assets/sources/web.yaml" in " ".join(found.sentences)


def test_one_source_is_asked_for_by_name(archive: Archive) -> None:
    assert describe_quarantine(archive, "stories").data["rows"] == []
    with pytest.raises(ArtifactError, match=r"no source 'storis' was read \(near: stories"):
        describe_quarantine(archive, "storis")


def test_a_rule_that_dropped_a_document_shows_each_comparison_with_value_and_bound(
    archive: Archive,
) -> None:
    data = told(archive, "stories", 3).data
    assert decision(data, "plain")["state"] == "kept"
    assert decision(data, "strict")["rule"] == "discourse"
    (held,) = [one["held"] for one in data["recipes"]["strict"]["rules"] if one["holds"]]
    assert [(one["column"], one["operator"], one["bound"], one["value"]) for one in held] == [
        ("matches", "above", 2.0, 4),
        ("language", "one_of", None, "en"),
    ]
    assert [one["negated"] for one in held] == [False, True]


def test_a_cascade_spares_what_its_second_part_does_not_hold_of(archive: Archive) -> None:
    rules = {one["rule"]: one for one in told(archive, "web", 2).data["recipes"]["strict"]["rules"]}
    assert rules["too_short"]["holds"]
    assert not rules["discourse"]["holds"]
    compared = [(one["value"], one["holds"]) for one in rules["discourse"]["compared"]]
    assert compared == [(5, True), ("de", True)]


@pytest.mark.parametrize(("number", "said"), [(0, "the same text"), (1, "similarity 0.875")])
def test_a_duplicate_leads_to_the_document_that_was_kept(
    archive: Archive, number: int, said: str
) -> None:
    answer = told(archive, "web", number, "plain")
    cause = decision(answer.data, "plain")["cause"]
    assert answer.data["causes"][cause]["path"] == "stories.jsonl"
    (node,) = [one for one in answer.blocks if one.text == "recipe plain"]
    assert said in node.children[0].children[0].detail
    kept = told(archive, "stories", 0).data["recipes"]["plain"]
    assert kept["caused"] == [document_id("web", one) for one in (0, 1)]


def test_a_leaked_item_is_named(archive: Archive) -> None:
    data = told(archive, "stories", 1).data
    assert decision(data, "plain")["cause"] == ITEM
    assert data["causes"][ITEM]["kind"] == "item"


def test_a_document_is_found_by_where_it_was_read_and_read_again(archive: Archive) -> None:
    for place in ("web.jsonl:1", "web.jsonl:90"):
        assert find_story(archive, place).document_id == document_id("web", 0)
    assert find_story(archive, "web.jsonl:1").raw["repeated_at"] == ["web.jsonl:90"]
    with pytest.raises(ArtifactError, match=r"no document: text: is no text\[U\+001B\]"):
        find_story(archive, "web.jsonl:77")
    with pytest.raises(ArtifactError, match=r"there is no document 'web\.jsonl:55'"):
        find_story(archive, "web.jsonl:55")
    with pytest.raises(ArtifactError, match=r"no recipe 'strickt' \(near: strict\)"):
        find_story(archive, "web.jsonl:1", "strickt")


def test_two_recipes_differ_by_the_documents_that_one_of_them_drops(archive: Archive) -> None:
    found = compare_decisions(archive, "plain", "strict").data
    assert found["counts"] == {"documents": 7, "decided_otherwise": 1}
    (row,) = found["documents"]["by_rule"]
    assert (row["was"], row["now"], row["source"]) == ("kept", "dropped: discourse", "stories")
    (example,) = found["documents"]["examples"]
    assert example["document_id"] == document_id("stories", 3)


@pytest.mark.parametrize(
    ("a", "b", "recipes"),
    [("previous", "current", {"plain": 0, "strict": 1}), ("strict@previous", "strict", 1)],
)
def test_two_decisions_are_compared(archive: Archive, a: str, b: str, recipes: object) -> None:
    found = compare_decisions(archive, a, b).data
    counts = found["counts"]
    if isinstance(recipes, dict):
        assert {name: one["decided_otherwise"] for name, one in counts.items()} == recipes
    else:
        assert counts["decided_otherwise"] == recipes
    assert found["before"]["dispositions"] != found["after"]["dispositions"]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("plan", "strict", "no recipe and no version of dispositions (near: plain"),
        ("plain", "current", "compare two recipes, or two versions"),
        ("plan@previous", "strict", "no recipe 'plan'"),
        ("plain@ffffffff", "strict", "there is no version of dispositions"),
    ],
)
def test_a_side_that_is_not_there_is_one_message(
    archive: Archive, a: str, b: str, said: str
) -> None:
    with pytest.raises(ArtifactError) as error:
        compare_decisions(archive, a, b)
    assert said in str(error.value)


@pytest.mark.parametrize("column", ["ai_discourse.matches", "text_stats.words", "metadata.age"])
def test_a_curve_counts_what_lies_beyond_each_bound(archive: Archive, column: str) -> None:
    (found,) = thresholds(archive, column)["columns"]
    values = {
        "ai_discourse.matches": MATCHES,
        "text_stats.words": {
            of: [len(one.split()) for one in texts] for of, texts in TEXTS.items()
        },
        "metadata.age": {of: [3.0, 3.0] for of in TEXTS},
    }[column]
    every = [one for own in values.values() for one in own]
    sizes = [len(text) for of, own in values.items() for text in TEXTS[of][: len(own)]]
    curve = found["curves"][0]
    assert (curve["documents"], curve["characters"]) == (len(every), sum(sizes))
    assert {point["bound"] for point in curve["points"]} >= set(every)
    for point in curve["points"]:
        bound = point["bound"]
        assert point["documents_above"] == sum(one > bound for one in every)
        assert point["documents_below"] == sum(one < bound for one in every)
        above = [size for one, size in zip(every, sizes, strict=True) if one > bound]
        assert point["characters_above"] == sum(above)
        assert point["share_characters_above"] == sum(above) / sum(sizes)
    for source, group in (("stories", "natural"), ("web", "web")):
        (own,) = [one for one in found["curves"] if one["source"] == source]
        assert (own["group"], own["documents"]) == (group, len(values[source]))


def test_without_a_name_the_columns_that_rules_bound_are_shown(archive: Archive) -> None:
    found = {one["column"]: one for one in thresholds(archive)["columns"]}
    assert set(found) == {"text_stats.words", "ai_discourse.matches"}
    assert found["text_stats.words"]["declared"] == [{"bound": 3.0, "rules": ("too_short",)}]
    bounds = [point["bound"] for point in found["ai_discourse.matches"]["curves"][0]["points"]]
    assert 2.0 in bounds


@pytest.mark.parametrize(
    "column", ["text_stats.word", "ai_discourse.first_term", "ai_discourse.spans", "a'; drop x"]
)
def test_what_is_no_number_has_no_curve(archive: Archive, column: str) -> None:
    with pytest.raises(ArtifactError, match="no number is called"):
        measure_thresholds(archive, column)
