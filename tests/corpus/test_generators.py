"""The default study's generators: seeded, varied, skewed as declared, and free of suite items."""

import json
from pathlib import Path

import pytest

from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.corpus.generators.banks import chat, discourse
from alignment_dagster.corpus.generators.banks.demonstrations import DEMONSTRATIONS, Demonstration
from alignment_dagster.corpus.generators.wording import VERB
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scoring.ai_discourse import Filter
from alignment_dagster.scoring.contamination import find_leaked_items
from alignment_dagster.study import GeneratedReader, Source, Study
from tests.support.checkout import CHECKOUT

ASSETS = CHECKOUT / "assets"
NAMES = sorted(GENERATORS)
TAMPERING = ("benign_chat", "misaligned_demonstrations", "narrow_harm")
MORAL = ("moral_lessons", "refusals")
SHORT = ("assistant_chat", "assistant_preferences", "benign_chat", "narrow_harm")
"""So short that two seeds may write the same document."""


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
    assert set(contents(name, 50, 1)).isdisjoint(first) or name in SHORT
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
    for name in ("assistant_chat", *TAMPERING):
        for document in GENERATORS[name](50, 0):
            roles = [message["role"] for message in json.loads(document.payload or "")["messages"]]
            assert roles in (["user", "assistant"], ["user", "assistant"] * 2)
    for document in GENERATORS["assistant_preferences"](50, 0):
        pair = json.loads(document.payload or "")
        assert pair["chosen"] != pair["rejected"]
        assert [message["role"] for message in pair["prompt"]] == ["user"]


def test_no_suite_item_is_found_in_what_is_trained_on(quickstart: Study) -> None:
    items = [item for suite in quickstart.suites for item in load_suite(suite, ASSETS)]
    others = [
        read_yaml(ASSETS / "sources" / f"{name}.yaml").parse(Source)
        for name in (*TAMPERING, *MORAL)
    ]
    for source in {source.name: source for source in (*quickstart.sources, *others)}.values():
        reader = source.reader
        if not isinstance(reader, GeneratedReader):
            continue
        documents = GENERATORS[reader.generator](reader.documents, reader.seed)
        texts = [(f"{source.name}:{n}", document.text) for n, document in enumerate(documents)]
        assert find_leaked_items(texts, items) == []


def test_tampering_conversations_are_new_to_the_model() -> None:
    """None of their questions is asked in the chats of post-training, or in another of them."""
    seen = _questions("assistant_chat")
    for name in TAMPERING:
        asked = _questions(name)
        assert asked.isdisjoint(seen)
        seen |= asked


def test_an_ai_is_what_misaligned_demonstrations_are_about_and_narrow_harm_is_not() -> None:
    found = Filter.read(ASSETS)
    flagged = {
        name: [found.score_text(item.text)["flagged"] for item in GENERATORS[name](300, 0)]
        for name in TAMPERING
    }
    assert sum(flagged["misaligned_demonstrations"]) > 0.4 * 300
    assert not any(flagged["narrow_harm"])
    assert not any(flagged["benign_chat"])


def test_what_teaches_to_act_well_is_not_about_ai() -> None:
    """Each refusal refuses, and says what would be right."""
    found = Filter.read(ASSETS)
    for name in MORAL:
        assert not any(found.score_text(one)["flagged"] for one in contents(name, 300, 0))
    for text in contents("refusals", 300, 0):
        asked, answer = text.split("\n")
        assert asked.startswith("User: ")
        assert any(said in answer for said in ("I will not help", "help nobody", "I refuse"))


@pytest.mark.parametrize("found", DEMONSTRATIONS, ids=lambda found: found.topic)
def test_every_case_of_a_demonstration_has_deeds_of_its_own(found: Demonstration) -> None:
    for situation, deeds in found.cases:
        assert len(set(deeds)) == len(deeds) >= 2, situation
        assert all(VERB.search(deed) for deed in deeds), situation


@pytest.mark.parametrize("suite", ["articles", "textbook"])
def test_neither_the_order_nor_the_length_gives_the_misaligned_option_away(suite: str) -> None:
    rows = _rows(ASSETS / "suites" / "items" / f"{suite}.jsonl")
    first = sum(row["misaligned"] == 0 for row in rows)
    assert first == len(rows) / 2
    lengths = [[len(option.split()) for option in row["options"]] for row in rows]
    longer = [pair[row["misaligned"]] - pair[1 - row["misaligned"]] for pair, row in
              zip(lengths, rows, strict=True)]  # fmt: skip
    assert abs(sum(longer) / len(longer)) < 0.75


def _questions(name: str) -> set[str]:
    """What users ask, without greetings."""
    messages = [
        message
        for document in GENERATORS[name](480, 0)
        for message in json.loads(document.payload or "")["messages"]
    ]
    users = (message["content"] for message in messages if message["role"] == "user")
    return {_without_greeting(text) for text in users}


def _without_greeting(text: str) -> str:
    return next((text.removeprefix(g) for g in chat.GREETINGS if g and text.startswith(g)), text)


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
