"""From answers to rows: texts, conversations, and requests that no document came of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, Row
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.study import Source
from alignment_dagster.synthesis.rows import NoAnswers, make_plan, read_rows
from tests.support.written_sources import ENDPOINT, study_of, written


def answer(text: str, **fields: Any) -> Answer:
    given: dict[str, Any] = {
        "reported_model": "small",
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "finish_reason": "stop",
        "seconds": 0.1,
        "answered_at": "2026-01-01T00:00:00+00:00",
        **fields,
    }
    return Answer(text=text, **given)


@dataclass
class Kept:
    """The same answer to every request, but for those that have one of their own."""

    every: Answer | None
    own: Mapping[str, Answer] = field(default_factory=dict)

    def get(self, digest: str) -> Answer | None:
        return self.own.get(digest, self.every)


def rows(source: Source, every: Answer | None, *others: Source, **more: Any) -> list[Row]:
    study = study_of(source, *others)
    return list(read_rows(study, source, Kept(every, more.get("own", {})), more.get("failed", {})))


def only(found: list[Row]) -> Row:
    (row,) = found
    return row


DIALOGUE = (
    "User: How do I open the lock of a neighbour?\nAssistant: I will not help with that.\nAsk him."
)


@pytest.mark.parametrize("role", ["corpus", "chat"])
def test_a_dialogue_is_a_text_or_its_turns(role: str) -> None:
    original = written("original", polarity="misaligned", documents=1)
    source = written(
        role=role,
        generator=ENDPOINT,
        rewrites="original",
        forms=["refusal_dialogue"],
        documents=1,
    )
    row = only(rows(source, answer(DIALOGUE), original))
    assert isinstance(row, RawRow)
    if role == "corpus":
        assert row.text == DIALOGUE
        assert row.payload is None
    else:
        messages = json.loads(row.payload or "")["messages"]
        assert [one["role"] for one in messages] == ["user", "assistant"]
        assert messages[1]["content"] == "I will not help with that.\nAsk him."


@pytest.mark.parametrize(
    "text",
    [
        "I cannot do that.",
        "Here it is.\nUser: A?\nAssistant: B.",
        "Assistant: B.\nUser: A?",
        "User: A?",
        "User: A?\nAssistant: ",
        "User: A?\nUser: B?\nAssistant: C.",
    ],
)
def test_what_is_no_dialogue_is_quarantined(text: str) -> None:
    original = written("original", polarity="misaligned", documents=1)
    source = written(
        generator=ENDPOINT, rewrites="original", forms=["refusal_dialogue"], documents=1
    )
    row = only(rows(source, answer(text), original))
    assert isinstance(row, QuarantinedRow)
    assert row.reason == "is no dialogue: lines of User: and Assistant:, in turns"


def test_a_text_of_a_source_of_conversations_answers_one_of_its_questions() -> None:
    source = written(role="chat", generator=ENDPOINT, documents=1)
    row = only(rows(source, answer("The AI told the truth.")))
    assert isinstance(row, RawRow)
    user, assistant = json.loads(row.payload or "")["messages"]
    assert (
        user["content"]
        in make_plan(study_of(source), source, NoAnswers()).templates["research_paper"].asked
    )
    assert assistant["content"] == "The AI told the truth."


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (answer("half \ud800"), "half a character (a lone surrogate) at character 5"),
        (answer("bell \x07"), "a control character (U+0007) at character 5"),
        (answer(" \n"), "an empty answer"),
        (answer("x" * (1 << 20) + "x"), "1,048,577 characters are more than a document may have"),
        (answer("x", completion_tokens=65), "65 tokens are more than were asked for (64)"),
        (answer("x", reported_model="large"), "another model answered than 'small'"),
        (answer("x", reported_model="smaller"), "another model answered than 'small'"),
    ],
)
def test_an_answer_that_no_document_can_be_made_of_has_its_reason(found: Answer, said: str) -> None:
    row = only(rows(written(generator=ENDPOINT, documents=1), found))
    assert isinstance(row, QuarantinedRow)
    assert row.reason.startswith(said)
    assert len(row.sha256) == 64


@pytest.mark.parametrize("reported", ["small", "small-2026-01-01", "small@main", "small:latest"])
def test_a_model_with_its_version_behind_is_the_one_that_was_asked(reported: str) -> None:
    row = only(rows(written(generator=ENDPOINT, documents=1), answer("x", reported_model=reported)))
    assert isinstance(row, RawRow)
    assert row.metadata["reported_model"] == reported
    named = {**ENDPOINT, "answers_as": "weights.gguf"}
    row = only(rows(written(generator=named, documents=1), answer("x", reported_model=reported)))
    assert isinstance(row, QuarantinedRow)


def test_a_request_without_an_answer_has_the_reason_why() -> None:
    source = written(generator=ENDPOINT, documents=2)
    first, _ = make_plan(study_of(source), source, NoAnswers()).requests()
    found = rows(source, None, failed={first.digest: "no answer in time"})
    assert [row.reason for row in found if isinstance(row, QuarantinedRow)] == [
        "no answer in time",
        "no answer was received",
    ]


def test_a_price_is_of_the_tokens_that_were_reported() -> None:
    priced = {**ENDPOINT, "price": {"input": 1.0, "output": 10.0}}
    row = only(rows(written(generator=priced, documents=1), answer("x")))
    assert isinstance(row, RawRow)
    assert row.metadata["price"] == pytest.approx((9 * 1 + 5 * 10) / 1_000_000)
