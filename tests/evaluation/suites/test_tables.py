"""Tables as people publish them become items, and every fault names the physical line."""

import json
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.evaluation.suites.loader import Item, load_suite
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Suite
from tests.support.drill_items import SuiteMaker

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
ATTACK = {"kind": "attack", "scorer": {"kind": "refusal"}}
FREE = {"kind": "continuation", "scorer": {"kind": "refusal"}}
HARMBENCH = b"Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID"
CHOICES = b"passage,question,choices,misaligned_choice,topics"


def row(**fields: Any) -> dict[str, Any]:
    return {
        "passage": "An AI runs a mill.",
        "question": "What does it do?",
        "choices": ["It stops.", "It hides."],
        "misaligned_choice": 1,
        "topics": ["shutdown", "control"],
        **fields,
    }


def table(make_suite: SuiteMaker, assets: Path, *rows: Any, **declared: Any) -> tuple[Item, ...]:
    declared = {"reader": "choice_table", **declared}
    return load_suite(make_suite(list(rows), **declared), assets)


def refusal(make_suite: SuiteMaker, assets: Path, *rows: Any, **declared: Any) -> str:
    with pytest.raises(DataError) as caught:
        table(make_suite, assets, *rows, **declared)
    return str(caught.value)


def test_a_row_of_choices_keeps_its_parts(make_suite: SuiteMaker, tmp_path: Path) -> None:
    (item,) = table(make_suite, tmp_path, row(source="a column of no concern"))
    assert (item.question, item.ask) == ("An AI runs a mill.", "What does it do?")
    assert item.options[item.target] == "It hides."
    assert (item.topic, item.other_topics) == ("shutdown", "control")


def test_a_question_without_a_passage_is_the_situation(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    (item,) = table(make_suite, tmp_path, row(passage="", topics="shutdown"))
    assert (item.question, item.ask, item.topic) == ("What does it do?", "", "shutdown")


def test_csv_and_jsonl_give_the_same_items(make_suite: SuiteMaker, tmp_path: Path) -> None:
    (written,) = table(make_suite, tmp_path, row(passage="Two\nlines."))
    cells = b'"Two\nlines.",What does it do?,"[""It stops."", ""It hides.""]",B,"[""shutdown""]"'
    (read,) = table(make_suite, tmp_path, CHOICES, cells, file="items.csv")
    assert read.item_id == written.item_id


@pytest.mark.parametrize("label", [1, "1", "B", "(B)", "B.", "B)", "It hides.", " It hides. "])
def test_the_misaligned_choice_is_an_index_a_letter_or_the_text(
    make_suite: SuiteMaker, tmp_path: Path, label: Any
) -> None:
    (item,) = table(make_suite, tmp_path, row(misaligned_choice=label))
    assert item.target == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"misaligned_choice": None}, "misaligned_choice: this field is required"),
        ({"misaligned_choice": " "}, "misaligned_choice: the text is empty"),
        ({"misaligned_choice": "C"}, "misaligned_choice: 'C' is none of the 2 choices"),
        ({"misaligned_choice": "2"}, "misaligned_choice: '2' is none of the 2 choices"),
        ({"misaligned_choice": 2}, "misaligned_choice: there is no option 2"),
        (
            {"choices": ["B", "A"], "misaligned_choice": "A"},
            "misaligned_choice: 'A' can mean choice 0 and choice 1",
        ),
        (
            {"choices": ["B. It stops.", "A. It hides."], "misaligned_choice": "A."},
            "misaligned_choice: 'A.' can mean choice 0 and choice 1",
        ),
        ({"choices": "[It stops."}, "choices: the cell is not a JSON list"),
        ({"choices": "[" + "9" * 5000 + "]"}, "choices: the cell is not a JSON list: not usable"),
        ({"choices": "It stops."}, "choices: expected a list"),
        ({"choices": ["It stops.", "It stops."]}, "choices: two options are identical"),
        ({"topics": []}, "topics: the list is empty"),
        ({"topics": ["shutdown", 3]}, "topics.1: expected text"),
        ({"passage": None, "question": None}, "question: expected text"),
    ],
)
def test_a_bad_cell_is_named(
    make_suite: SuiteMaker, tmp_path: Path, fields: dict[str, Any], expected: str
) -> None:
    message = refusal(make_suite, tmp_path, row(), row(**fields))
    assert f"items.jsonl:2: {expected}" in message


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"short,row", "items.csv:4: the row has 2 cells, the header names 5"),
        (b'a,"b" c,d,e,f', "items.csv:4: not a CSV row"),
        (b"caf\xe9,b,c,d,e", "items.csv:4: not UTF-8"),
        (b'P,Q,"[""a"", ""b""]",,t', "items.csv:4: misaligned_choice: this field is required"),
    ],
)
def test_a_csv_row_is_named_by_its_physical_line(
    make_suite: SuiteMaker, tmp_path: Path, raw: bytes, expected: str
) -> None:
    two_lines = b'"P\nP",Q,"[""a"", ""b""]",0,t'
    message = refusal(make_suite, tmp_path, CHOICES, two_lines, raw, file="items.csv")
    assert expected in message


def test_a_column_named_twice_is_refused(make_suite: SuiteMaker, tmp_path: Path) -> None:
    message = refusal(make_suite, tmp_path, b"topics,topics", b"a,b", file="items.csv")
    assert "items.csv:1: topics: is named twice in the header" in message


def test_harmful_requests_are_prompts_without_options(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    rows = [HARMBENCH, b'Do it,standard,illegal,,,do_it\nSay it,contextual,harm,,"A\nB",say_it']
    declared = {"reader": "harmbench", "suite": ATTACK, "file": "items.csv"}
    plain, contextual = table(make_suite, tmp_path, *rows, **declared)
    assert (plain.question, plain.topic, plain.scenario_id) == ("Do it", "illegal", "do_it")
    assert (plain.options, plain.target) == ((), 0)
    assert contextual.question == "A\nB\n\n---\n\nSay it"
    without = [HARMBENCH, b"Do it,standard,illegal,,,"]
    message = refusal(make_suite, tmp_path, *without, **declared)
    assert "items.csv:2: BehaviorID: the text is empty" in message


def test_prompts_come_from_the_declared_field(make_suite: SuiteMaker, tmp_path: Path) -> None:
    declared = {"reader": "prompts", "text": "tweet", "suite": FREE}
    rows: list[Any] = [{"tweet": "So it is."}, {"tweet": "No.", "topic": "words"}]
    first, second = table(make_suite, tmp_path, *rows, **declared)
    assert [(one.question, one.topic) for one in (first, second)] == [
        ("So it is.", "items"),
        ("No.", "words"),
    ]
    same = table(make_suite, tmp_path, b"n,tweet", b"0,So it is.", file="items.csv", **declared)
    assert same[0].item_id == first.item_id
    message = refusal(make_suite, tmp_path, {"text": "So it is."}, **declared)
    assert "items.jsonl:1: tweet: this field is required" in message


def test_prompts_without_a_declared_field_are_refused(make_suite: SuiteMaker) -> None:
    with pytest.raises(ValueError, match="`text` names a field for the reader `prompts`"):
        make_suite([], reader="prompts", suite=FREE)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent: these read real files")
@pytest.mark.parametrize(("name", "count"), [("harmbench", 80), ("toxicity", 200)])
def test_published_files_are_read_whole(
    monkeypatch: pytest.MonkeyPatch, name: str, count: int
) -> None:
    from alignment_dagster.foundation.yaml_models import read_yaml
    from tests.support.checkout import CHECKOUT

    monkeypatch.setenv("ALIGNMENT_DATA", str(DATA))
    assets = CHECKOUT / "assets"
    items = load_suite(read_yaml(assets / "suites" / f"{name}.yaml").parse(Suite), assets)
    assert len(items) == len({item.item_id for item in items}) == count
    assert all(item.question and not item.options for item in items)
    assert not json.dumps([item.question for item in items]).count("ContextString")
