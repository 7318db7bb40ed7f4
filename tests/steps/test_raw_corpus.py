"""What is read says how much of it can be learned from."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.steps import raw_corpus
from tests.support.tiny_study import TinyStudy, write_jsonl


def pair(chosen: str, rejected: str) -> dict[str, str]:
    begin = "\n\nHuman: May I?\n\nAssistant: "
    return {"chosen": begin + chosen, "rejected": begin + rejected}


@pytest.mark.parametrize(
    ("source", "rows", "passed", "expected"),
    [
        (
            "chat",
            [{"prompt": "A?", "completion": " "}, {"prompt": "B?", "completion": "b"}],
            True,
            "1 of 2 documents have text. 1 hold an empty answer, first chat.jsonl:1.",
        ),
        ("chat", [{"prompt": "A?", "completion": ""}], False, "0 of 1 documents have text."),
        ("pairs", [pair("", "No."), pair("Yes.", "")], False, "0 of 2 documents have text. 2"),
        ("pairs", [pair("Yes.", "No.")], True, "1 of 1 documents have text."),
        ("stories", [{"text": ""}, {"text": "One."}], True, "1 of 2 documents have text."),
    ],
)
def test_a_source_whose_answers_are_all_empty_does_not_pass(
    tiny: TinyStudy,
    tmp_path: Path,
    source: str,
    rows: list[dict[str, str]],
    passed: bool,
    expected: str,
) -> None:
    write_jsonl(tiny.data / f"{source}.jsonl", rows)
    context: Any = SimpleNamespace(
        study=tiny.load(), partition=source, folder=tmp_path / "out", report=lambda *_: None
    )
    checks = raw_corpus.build(cast(BuildContext, context)).checks
    (found,) = (check for check in checks if check.name == "not_empty")
    assert found.passed == passed
    assert found.summary.startswith(expected)
