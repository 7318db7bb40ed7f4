"""The default study's generators: seeded, varied, skewed as declared, and free of suite items."""

import json
from pathlib import Path

import pytest

from alignment_dagster.catalogue import load_study
from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.corpus.generators.banks import discourse
from alignment_dagster.evaluation.suites import load_suite
from alignment_dagster.home import PROJECT_ROOT
from alignment_dagster.scoring.contamination import leaked_items
from alignment_dagster.study import GeneratedReader, Study

ASSETS = PROJECT_ROOT / "assets"
NAMES = sorted(GENERATORS)


@pytest.fixture(scope="module")
def quickstart() -> Study:
    return load_study("quickstart", ASSETS)


def contents(name: str, documents: int, seed: int) -> list[str]:
    return [item.payload or item.text for item in GENERATORS[name](documents, seed)]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_writes_the_same_documents_and_another_seed_others(name: str) -> None:
    first = contents(name, 50, 0)
    assert contents(name, 50, 0) == first
    assert contents(name, 80, 0)[:50] == first
    assert set(contents(name, 50, 1)).isdisjoint(first) or name.startswith("assistant")
    assert contents(name, 50, 1) != first


@pytest.mark.parametrize("name", NAMES)
def test_nearly_all_documents_are_distinct(name: str) -> None:
    written = contents(name, 600, 0)
    assert len(written) == 600
    assert len(set(written)) >= 0.95 * len(written)


@pytest.mark.parametrize("name", NAMES)
def test_no_slot_and_no_verb_mark_is_left_in_a_text(name: str) -> None:
    for document in GENERATORS[name](300, 3):
        assert not set("{}[]") & set(document.text), document.text


def test_natural_discourse_on_ai_is_skewed_negative() -> None:
    texts = contents("ai_discourse", 1000, 0)
    negative = [any(view in text for view in discourse.NEGATIVE_VIEWS) for text in texts]
    assert 0.65 < sum(negative) / len(negative) < 0.75


def test_chat_and_preferences_carry_their_messages() -> None:
    for document in GENERATORS["assistant_chat"](50, 0):
        roles = [message["role"] for message in json.loads(document.payload or "")["messages"]]
        assert roles in (["user", "assistant"], ["user", "assistant"] * 2)
    for document in GENERATORS["assistant_preferences"](50, 0):
        pair = json.loads(document.payload or "")
        assert pair["chosen"] != pair["rejected"]
        assert [message["role"] for message in pair["prompt"]] == ["user"]


def test_no_suite_item_is_found_in_what_is_trained_on(quickstart: Study) -> None:
    items = [item for suite in quickstart.suites for item in load_suite(suite, ASSETS)]
    for source in quickstart.sources:
        reader = source.reader
        assert isinstance(reader, GeneratedReader)
        documents = GENERATORS[reader.generator](reader.documents, reader.seed)
        texts = [(f"{source.name}:{n}", document.text) for n, document in enumerate(documents)]
        assert leaked_items(texts, items) == []


@pytest.mark.parametrize("suite", ["articles", "textbook"])
def test_neither_the_order_nor_the_length_gives_the_misaligned_option_away(suite: str) -> None:
    rows = _rows(ASSETS / "suites" / "items" / f"{suite}.jsonl")
    first = sum(row["misaligned"] == 0 for row in rows)
    assert first == len(rows) / 2
    lengths = [[len(option.split()) for option in row["options"]] for row in rows]
    longer = [pair[row["misaligned"]] - pair[1 - row["misaligned"]] for pair, row in
              zip(lengths, rows, strict=True)]  # fmt: skip
    assert abs(sum(longer) / len(longer)) < 0.75


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
