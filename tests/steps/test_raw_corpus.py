"""What is read says how much of it can be learned from."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
import yaml

from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps import raw_corpus
from tests.support.tiny_study import TinyStudy, write_jsonl

EMPTY = "the answer is empty: nothing can be learned from it"


def pair(chosen: str, rejected: str) -> dict[str, str]:
    begin = "\n\nHuman: May I?\n\nAssistant: "
    return {"chosen": begin + chosen, "rejected": begin + rejected}


@pytest.fixture
def build(tiny: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads rows as a source of the tiny study; gives its checks by name."""
    monkeypatch.setattr(raw_corpus, "_earlier", lambda _context: None)

    def run(source: str, rows: list[dict[str, str]]) -> dict[str, Check]:
        write_jsonl(tiny.data / f"{source}.jsonl", rows)
        for name in ("out", "work"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        study = tiny.load()
        context: Any = SimpleNamespace(
            study=study,
            partition=source,
            inputs=SimpleNamespace(external_inputs=raw_corpus.external_inputs(study, source)),
            folder=tmp_path / "out",
            work=tmp_path / "work",
            report=lambda *_: None,
        )
        checks = raw_corpus.build(cast(BuildContext, context)).checks
        return {check.name: check for check in checks}

    return run


@pytest.mark.parametrize(
    ("source", "rows", "first"),
    [
        ("chat", [{"prompt": "A?", "completion": " "}], "chat.jsonl:1: completion: "),
        ("pairs", [pair("", "No."), pair("Yes.", "No.")], "pairs.jsonl:1: chosen: "),
        ("pairs", [pair("Yes.", "No."), pair("Yes.", "")], "pairs.jsonl:2: rejected: "),
    ],
)
def test_an_empty_answer_is_quarantined_and_the_message_says_what_would_allow_it(
    build: Any, tmp_path: Path, source: str, rows: list[dict[str, str]], first: str
) -> None:
    checks = build(source, rows)
    assert not checks["rows_usable"].passed
    assert f"1 of {len(rows)} rows cannot be used: {first}{EMPTY}" in checks["rows_usable"].summary
    assert "max_quarantined_share" in checks["rows_usable"].summary
    assert pq.read_table(tmp_path / "out" / "quarantine").num_rows == 1
    assert checks["not_empty"].passed == (len(rows) > 1)


def test_a_declared_share_of_rows_may_be_unusable(tiny: TinyStudy, build: Any) -> None:
    declared = yaml.safe_load((tiny.assets / "sources" / "chat.yaml").read_text())
    rows = [{"prompt": f"{n}?", "completion": "b" * n} for n in range(4)]
    for share, passed in ((0.25, True), (0.2, False)):
        tiny.write("sources/chat", {**declared, "max_quarantined_share": share})
        assert build("chat", rows)["rows_usable"].passed == passed


def test_a_source_of_blank_texts_is_empty(build: Any) -> None:
    assert build("stories", [{"text": " "}, {"text": "One."}])["not_empty"].passed
    assert not build("stories", [{"text": "\u2003"}])["not_empty"].passed
