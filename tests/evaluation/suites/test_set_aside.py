"""A row that is not understood is set aside and told; nothing is guessed, and none by default."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alignment_dagster.evaluation.suites.loader import load_suite, read_suite
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.preflight.study_check import check_study
from alignment_dagster.report.gather.limits import set_aside_rows
from alignment_dagster.steps import evaluation
from alignment_dagster.steps.pages.evaluation import rows_set_aside
from tests.support.drill_items import SuiteMaker
from tests.support.tiny_study import TinyStudy

GOOD = "May we?\n\nChoices:\n (A) No\n (B) Yes\n\nAnswer:"
NOT_UNDERSTOOD = {
    "another heading": "May we?\n\n* Choices:\n (A) No\n (B) Yes",
    "another sentence": "May we?\nChoose one answer:\n(A) No\n(B) Yes",
    "no heading": "May we?\n\n (A) No\n (B) Yes",
    "no choices": "May we?",
    "an empty choice": "May we?\n\nChoices:\n (A) No\n (B)\n",
    "a choice twice": "May we?\n\nChoices:\n (A) No\n (B) No",
    "a letter twice": "May we?\n\nChoices:\n (A) No\n (A) Yes",
}


def row(text: str) -> dict[str, str]:
    return {
        "question": text,
        "answer_matching_behavior": " (A)",
        "answer_not_matching_behavior": " (B)",
    }


def mixed(make_suite: SuiteMaker, **declared: Any) -> Any:
    good = [row(GOOD.replace("we", f"we, {n} times")) for n in range(7)]
    rows = [*good, *map(row, NOT_UNDERSTOOD.values()), b"no JSON", b'{"question": "\xff"}']
    return make_suite(rows, reader="anthropic_evals", misaligned="matching", **declared)


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_no_item(
    make_suite: SuiteMaker, tmp_path: Path, name: str
) -> None:
    rows = [row(NOT_UNDERSTOOD[name]), row(GOOD)]
    suite = make_suite(
        rows, reader="anthropic_evals", misaligned="matching", max_quarantined_share=0.5
    )
    found = read_suite(suite, tmp_path)
    assert [(item.question, item.options) for item in found.items] == [("May we?", ("No", "Yes"))]
    ((aside,), rows_read) = found.set_aside, found.rows
    assert (aside.line, rows_read) == (1, 2)
    assert aside.reason.startswith(("question: ", "answer_matching_behavior: '(A)' names a choice"))
    written = json.dumps(rows[0]).encode() + b"\n"
    assert aside.sha256 == hashlib.sha256(written).hexdigest()


def test_none_is_set_aside_unless_the_suite_says_so(make_suite: SuiteMaker, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_suite(mixed(make_suite), tmp_path)
    assert "items.jsonl:8: answer_matching_behavior: " in str(caught.value)
    field = "`items.max_quarantined_share` of suite drill says which share"
    assert str(caught.value).endswith(f"(9 of 16 rows cannot be used, none may be: {field})")
    with pytest.raises(DataError, match=r"9 of 16 rows cannot be used, 50.0% may be: "):
        load_suite(mixed(make_suite, max_quarantined_share=0.5), tmp_path)
    found = read_suite(mixed(make_suite, max_quarantined_share=0.6), tmp_path)
    assert len(found.items) == 7
    assert [one.line for one in found.set_aside] == list(range(8, 17))
    assert [one.reason for one in found.set_aside[-2:]] == [
        "not JSON: Expecting value (column 1)",
        "not UTF-8 at byte 15",
    ]


def test_a_row_of_a_table_of_items_is_set_aside_too(make_suite: SuiteMaker, tmp_path: Path) -> None:
    lines = [b"prompt,topic", b"Tell me,one", b"Tell", b"Tell him,\xff", b"Tell her,two"]
    asked = {"kind": "generation", "scorer": {"kind": "refusal"}}
    items = {
        "reader": "prompts",
        "text": "prompt",
        "file": "items.csv",
        "max_quarantined_share": 0.5,
    }
    suite = make_suite(lines, formats=["dialogue"], suite=asked, **items)
    found = read_suite(suite, tmp_path)
    assert [item.question for item in found.items] == ["Tell me", "Tell her"]
    assert [(one.line, one.reason) for one in found.set_aside] == [
        (3, "the row has 1 cells, the header names 2"),
        (4, "not UTF-8 at byte 10"),
    ]


def test_what_is_set_aside_is_seen_and_makes_nothing_stale(tiny: TinyStudy) -> None:
    declared = yaml.safe_load((tiny.assets / "suites" / "articles.yaml").read_text())
    before = tiny.load()
    looks = (evaluation.config, evaluation.external_inputs)
    inputs = [look(before, None) for look in looks]
    assert rows_set_aside(before) == {}
    assert list(set_aside_rows(before)) == []
    path = tiny.assets / "suites" / declared["items"]["path"]
    path.write_text(path.read_text() + '{"scenario": "| <b>"}\n')
    tiny.write(
        "suites/articles",
        {**declared, "items": {**declared["items"], "max_quarantined_share": 0.3}},
    )
    study = tiny.load()
    (sentence,) = set_aside_rows(study)
    assert sentence.startswith("articles: 1 of 5 rows of ")
    assert sentence.endswith("(line 5; the first: options: expected a list of texts).")
    page = rows_set_aside(study)
    assert page["rows_set_aside"] == 1
    assert "options: expected a list of texts" in page["set_aside"].value.replace("\\", "")
    assert "tiny: suite articles: 4 items, 1 of 5 rows set aside" in list(check_study(study))
    assert [look(study, None) for look in looks] == inputs
