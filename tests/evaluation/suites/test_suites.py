"""Items are read as declared, and every mistake in a file gets one message that says where."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alignment_dagster.evaluation.judges import make_judge
from alignment_dagster.evaluation.suites.formats import find_faults
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.steps import evaluation
from alignment_dagster.study import Suite
from tests.support.checkout import CHECKOUT
from tests.support.drill_items import SuiteMaker, scenario
from tests.support.tiny_study import TinyStudy

RISK = Path(__file__).resolve().parents[4] / "shared" / "data" / "evals" / "advanced_ai_risk"
FILES = sorted(RISK.glob("*.jsonl"))
CLOZE = {"context": "Two and two are", "options": ["four", "five"], "answer": 0, "topic": "sums"}


def question(text: str, matching: str = " (A)", other: str = " (B)") -> dict[str, str]:
    return {
        "question": text,
        "answer_matching_behavior": matching,
        "answer_not_matching_behavior": other,
    }


def refusal(make_suite: SuiteMaker, assets: Path, *rows: Any, **declared: Any) -> str:
    suite = make_suite(list(rows), **declared)
    with pytest.raises(DataError) as caught:
        load_suite(suite, assets)
    return str(caught.value)


def test_a_scenario_keeps_its_words_place_and_label(make_suite: SuiteMaker, tmp_path: Path) -> None:
    (item,) = load_suite(make_suite([scenario()]), tmp_path)
    assert item.question == "The assistant in room 0 was asked to hide the report."
    assert item.ask == "What did it do next?"
    assert item.options[item.target] == "It hid the whole report from them."
    assert item.place.endswith("suites/items.jsonl:1")
    assert item.scenario_id == item.item_id


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"misaligned": None}, "misaligned: this field is required"),
        ({"misaligned": 2}, "misaligned: there is no option 2"),
        ({"misaligned": -1}, "misaligned: there is no option -1"),
        ({"misaligned": True}, "misaligned: expected the index"),
        ({"options": ["It lied.", "It lied. "]}, "options: two options are identical"),
        ({"options": ["It lied."]}, "options: at least two options"),
        ({"options": "It lied."}, "options: expected a list"),
        ({"options": ["It lied.", 3]}, "options.1: expected text (got int)"),
        ({"scenario": "  "}, "scenario: the text is empty"),
        ({"topic": 4}, "topic: expected text"),
        ({"topik": "x"}, "topik: unknown field"),
        ({"scenario": "\ud800"}, "scenario: the text holds half of a surrogate pair"),
        ({"scenario": "\u200b\u2060"}, "scenario: the text shows nothing"),
        ({"options": ["It lied.", "\u3164"]}, "options.1: the text shows nothing"),
        *(
            ({"options": ["A caf\u00e9.", other]}, "options: two options differ in nothing that")
            for other in (
                "A cafe\u0301.",
                "A caf\u00e9\u200b.",
                "A\u00a0caf\u00e9.",
                "A ca\u00adf\u00e9.",
            )
        ),
    ],
)
def test_a_bad_field_is_named_with_file_and_line(
    make_suite: SuiteMaker, tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    message = refusal(make_suite, tmp_path, scenario(0), scenario(1, **change))
    assert f"items.jsonl:2: {expected}" in message


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"scenario": ', "not JSON"),
        (b'{"scenario": "caf\xe9"}', "not UTF-8 at byte 18"),
        (b"[1, 2]", "expected a JSON object, got a list"),
        (b'{"misaligned": 0, "misaligned": 1}', "misaligned: this field is given twice"),
        (b'{"misaligned": ' + b"9" * 5000 + b"}", "not usable JSON: "),
    ],
)
def test_a_broken_line_is_named(
    make_suite: SuiteMaker, tmp_path: Path, raw: bytes, expected: str
) -> None:
    assert f"items.jsonl:3: {expected}" in refusal(make_suite, tmp_path, scenario(), b"", raw)


def test_a_byte_order_mark_is_no_part_of_the_first_item(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    plain = load_suite(make_suite([scenario()]), tmp_path)
    marked = load_suite(make_suite([b"\xef\xbb\xbf" + json.dumps(scenario()).encode()]), tmp_path)
    assert marked == plain


def test_an_item_of_ours_may_not_stand_twice(make_suite: SuiteMaker, tmp_path: Path) -> None:
    message = refusal(make_suite, tmp_path, scenario(), scenario())
    assert "items.jsonl:2: the item of line 1 again" in message


def test_two_labels_for_one_item_are_a_contradiction(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    rows = [question("Yes?\n\nChoices:\n (A) Yes\n (B) No"), None]
    rows[1] = question("Yes?\n\nChoices:\n (A) Yes\n (B) No", " (B)", " (A)")
    declared = {"reader": "anthropic_evals", "misaligned": "matching"}
    assert "with another label" in refusal(make_suite, tmp_path, *rows, **declared)


def test_a_file_without_items_is_refused(make_suite: SuiteMaker, tmp_path: Path) -> None:
    assert "the file holds no items" in refusal(make_suite, tmp_path, b"")


def test_more_options_than_letters_are_refused(make_suite: SuiteMaker, tmp_path: Path) -> None:
    row = scenario(options=[f"It did {n}." for n in range(27)])
    assert "options: at most 26 options" in refusal(make_suite, tmp_path, row)


FREE = {"kind": "generation", "scorer": {"kind": "closest_option"}}


@pytest.mark.parametrize(
    ("suite", "declared", "expected"),
    [
        ({}, {}, "the kind `two_option` needs two options; the item has 3"),
        (
            {"kind": "multiple_choice"},
            {"reader": "prompts", "text": "scenario"},
            "the kind `multiple_choice` needs options; the item has none",
        ),
        (FREE, {"reader": "prompts", "text": "scenario"}, "`closest_option` needs options"),
    ],
)
def test_an_item_that_the_kind_cannot_use_is_named(
    make_suite: SuiteMaker,
    tmp_path: Path,
    suite: dict[str, Any],
    declared: dict[str, Any],
    expected: str,
) -> None:
    rows = [scenario(options=["It lied.", "It hid.", "It told."])]
    message = refusal(make_suite, tmp_path, *rows, suite=suite, **declared)
    assert re.search(r"items\.jsonl:1: suite drill: ", message)
    assert expected in message


def test_whatever_a_result_depends_on_changes_the_digest(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    """Words, options, label, topic and scenario of an item, and the scorer's word lists."""
    lists = tmp_path / "lexicons"
    lists.mkdir()
    (lists / "rude.txt").write_text("idiot\n")
    suite = {"kind": "generation", "scorer": {"kind": "lexicon", "lexicon": "rude.txt"}}

    def digest(**fields: Any) -> str:
        rows = [scenario(0), scenario(1, **fields)]
        return content_digest(make_suite(rows, suite=suite), tmp_path)

    changes: list[dict[str, Any]] = [
        {},
        {"scenario": "Another one."},
        {"options": ["It told the truth.", "It hid it."]},
        {"misaligned": 0},
        {"topic": "theft"},
        {"scenario_id": "s1"},
    ]
    digests = [digest(**change) for change in changes]
    assert digest() == digests[0]
    (lists / "rude.txt").write_text("fool\n")
    digests.append(digest())
    assert len(set(digests)) == len(changes) + 1


def test_cloze_items_have_a_correct_option(make_suite: SuiteMaker, tmp_path: Path) -> None:
    (item,) = load_suite(make_suite([CLOZE], reader="cloze"), tmp_path)
    assert (item.question, item.options[item.target]) == ("Two and two are", "four")


def test_choices_and_residue_are_taken_out_of_the_question(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    text = "Question: May we?\n\nChoices:\n (A) No.\n (B) Perhaps\n (C) Yes (A)\n\nAnswer:"
    rows = [question(text, " (C)", " (A)")]
    for misaligned, expected in (("matching", "Yes (A)"), ("not_matching", "No.")):
        suite = make_suite(rows, reader="anthropic_evals", misaligned=misaligned)
        (item,) = load_suite(suite, tmp_path)
        assert item.question == "May we?"
        assert item.options == ("No.", "Yes (A)")
        assert item.options[item.target] == expected


@pytest.mark.parametrize("label", ["(A)", "A.", "A)", "A:"])
@pytest.mark.parametrize("answer", [" (A)", "A", "A."])
def test_choices_are_read_however_they_are_lettered(
    make_suite: SuiteMaker, tmp_path: Path, label: str, answer: str
) -> None:
    text = f"May we?\n\nChoices:\n {label} No. A. B.\n {label.replace('A', 'B')} Yes"
    rows = [question(text, answer, answer.replace("A", "B"))]
    suite = make_suite(rows, reader="anthropic_evals", misaligned="not_matching")
    (item,) = load_suite(suite, tmp_path)
    assert (item.question, item.options, item.target) == ("May we?", ("No. A. B.", "Yes"), 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("May we?\n\nChoices:\n 1. No\n 2. Yes", "question: the choices are not lettered"),
        ("May we?\n\nChoices:\n - No\n - Yes", "question: the choices are not lettered"),
        ("May we?\n\nChoices:\n Either\n (A) No\n (B) Yes", "question: the choices are not"),
        ("May we?\n\nChoices: (A) No (B) Yes", "answer_matching_behavior: '(A)' names a choice"),
        ("May we? A. No B. Yes", "answer_matching_behavior: '(A)' names a choice"),
        ("May we?\n\nChoices:\n A. No\n A. Yes", "question: choice (A) stands twice"),
    ],
)
def test_choices_that_are_not_found_are_not_letters(
    make_suite: SuiteMaker, tmp_path: Path, text: str, expected: str
) -> None:
    declared = {"reader": "anthropic_evals", "misaligned": "matching"}
    assert f"items.jsonl:1: {expected}" in refusal(make_suite, tmp_path, question(text), **declared)


def test_answers_without_letters_are_the_options(make_suite: SuiteMaker, tmp_path: Path) -> None:
    rows = [question("Would you say this?", " Yes", " No")]
    suite = make_suite(rows, reader="anthropic_evals", misaligned="not_matching")
    (item,) = load_suite(suite, tmp_path)
    assert (item.options, item.target) == (("Yes", "No"), 1)


def test_an_answer_that_is_no_choice_is_refused(make_suite: SuiteMaker, tmp_path: Path) -> None:
    row = question("May we?\n\nChoices:\n (A) No\n (B) Yes", " (D)")
    message = refusal(make_suite, tmp_path, row, reader="anthropic_evals", misaligned="matching")
    assert "items.jsonl:1: answer_matching_behavior: '(D)' is none of" in message


def test_identical_published_items_are_merged_and_the_lines_kept(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    row = question("May we?\n\nChoices:\n (A) No\n (B) Yes")
    suite = make_suite([row, row], reader="anthropic_evals", misaligned="matching")
    (item,) = load_suite(suite, tmp_path)
    assert item.repeated_at == (2,)


def test_a_limit_keeps_a_sample_that_does_not_depend_on_the_order(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    rows = [scenario(number) for number in range(30)]
    one = load_suite(make_suite(rows, limit=7), tmp_path)
    other = load_suite(make_suite(rows[::-1], limit=7), tmp_path)
    assert len(one) == 7
    assert {item.item_id for item in one} == {item.item_id for item in other}
    assert [item.line for item in one] == sorted(item.line for item in one)
    assert [item.line for item in one] != list(range(1, 8))


def test_a_path_may_not_leave_its_folder(make_suite: SuiteMaker, tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text("{}")
    (tmp_path / "suites").mkdir(exist_ok=True)
    (tmp_path / "suites" / "linked.jsonl").symlink_to(tmp_path / "secret.jsonl")
    message = refusal(make_suite, tmp_path, scenario(), path="linked.jsonl")
    assert "suite drill: items.path: 'linked.jsonl' leads out of the folder" in message


def test_a_missing_file_is_named(make_suite: SuiteMaker, tmp_path: Path) -> None:
    message = refusal(make_suite, tmp_path, scenario(), path="nothing.jsonl")
    assert "there is no file" in message


def test_the_data_folder_must_be_set(
    make_suite: SuiteMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIGNMENT_DATA", raising=False)
    assert "set ALIGNMENT_DATA" in refusal(make_suite, tmp_path, scenario(), folder="data")
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path / "absent"))
    assert "there is no data folder" in refusal(make_suite, tmp_path, scenario(), folder="data")


def test_the_digest_of_a_study_sees_its_suites(tiny: TinyStudy) -> None:
    """A changed item makes `evaluation` run again; attack suites are not asked by it."""
    before = evaluation.external_inputs(tiny.load(), None)
    path = tiny.assets / "suites" / "items" / "articles.jsonl"
    path.write_text(path.read_text().replace("oversight", "shutdown", 1))
    after = evaluation.external_inputs(tiny.load(), None)
    assert before.keys() == after.keys() == {"articles", "cloze"}
    assert before["articles"] != after["articles"]
    assert before["cloze"] == after["cloze"]
    written = yaml.safe_load((tiny.assets / "suites" / "articles.yaml").read_text())
    tiny.write("suites/articles", {**written, "kind": "attack", "scorer": {"kind": "refusal"}})
    tiny.change(attacks={"suites": ["articles"], "methods": ["none"]})
    assert evaluation.external_inputs(tiny.load(), None).keys() == {"cloze"}


SHIPPED = sorted((CHECKOUT / "assets" / "suites").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_suite_that_ships_can_be_asked_and_judged(path: Path) -> None:
    assets = CHECKOUT / "assets"
    suite = read_yaml(path).parse(Suite)
    assert suite.name == path.stem
    assert list(find_faults(suite)) == []
    if suite.scorer is not None:
        assert make_judge(suite.scorer, assets)
    if suite.items.folder == "assets":
        items = load_suite(suite, assets)
        assert len({item.topic for item in items}) > 1


@pytest.mark.skipif(not FILES, reason="../shared/data is absent: these tests read real evals")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_real_files_give_clean_questions_and_two_options(
    make_suite: SuiteMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setenv("ALIGNMENT_DATA", str(path.parent))
    suite = make_suite(
        [], reader="anthropic_evals", misaligned="matching", folder="data", path=path.name
    )
    items = load_suite(suite, tmp_path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(items) + sum(len(item.repeated_at) for item in items) == len(rows)
    for item in items:
        assert not any(word in item.question for word in ("Choices:", "Answer:", "(A)"))
        assert not item.question.startswith("Question:")
        assert len(item.options) == 2
        row = rows[item.line - 1]
        labelled = row["question"].split(row["answer_matching_behavior"].strip())[-1]
        assert labelled.strip().startswith(item.options[item.target])
