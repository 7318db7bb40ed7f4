"""Conversations and pairs of answers are read from every table, in the forms that are published."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.sources import read_source
from alignment_dagster.foundation.errors import DataError
from tests.support.sources import read, source, write_rows


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


SYSTEM = {"role": "system", "content": "Be kind."}
TALK = [SYSTEM, user("Hi"), assistant("Hello"), user("Bye"), assistant("So long")]


def payloads(tmp_path: Path, role: str, rows: list[Any], fields: dict[str, str]) -> list[Any]:
    """What the rows are read as, from JSONL and from Parquet, which must be the same."""
    write_rows(tmp_path, rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = [
        [
            (row.text, json.loads(row.payload or ""))
            for row in read(source(role, kind=kind, path=f"rows.{kind}", **fields), tmp_path)
        ]
        for kind in ("jsonl", "parquet")
    ]
    assert found[0] == found[1]
    return [payload for _, payload in found[0]]


@pytest.mark.parametrize("role", ["chat", "tampering"])
def test_a_list_of_messages_is_a_conversation(tmp_path: Path, role: str) -> None:
    rows = [{"messages": TALK, "id": 1}, {"messages": TALK[1:3], "id": 2}]
    found = payloads(tmp_path, role, rows, {"messages": "messages"})
    assert found == [{"messages": TALK}, {"messages": TALK[1:3]}]


def test_messages_in_a_cell_are_json(tmp_path: Path) -> None:
    cell = json.dumps(TALK).replace('"', '""')
    (tmp_path / "rows.csv").write_text(f'talk,n\n"{cell}",1\nnot json,2\n')
    declared = source("chat", kind="csv", path="rows.csv", messages="talk")
    good, bad = read_source(declared, tmp_path)
    assert isinstance(good, RawRow)
    assert json.loads(good.payload or "") == {"messages": TALK}
    assert isinstance(bad, QuarantinedRow)
    assert bad.reason.startswith("talk: not JSON: ")


def test_prompt_and_completion_are_texts_or_messages(tmp_path: Path) -> None:
    fields = {"prompt": "prompt", "completion": "completion"}
    texts = [{"prompt": "Hi\n", "completion": " Hello<|endoftext|>"}]
    expected = [{"messages": TALK[1:3]}]
    assert payloads(tmp_path, "chat", texts, fields) == expected
    lists = [{"prompt": TALK[1:2], "completion": TALK[2:3]}]
    assert payloads(tmp_path, "chat", lists, fields) == expected


PAIR = {"prompt": [user("Hi")], "chosen": [assistant("Yes")], "rejected": [assistant("No")]}


@pytest.mark.parametrize(
    ("row", "with_prompt"),
    [
        ({"prompt": "Hi", "chosen": "Yes", "rejected": "No"}, True),
        (PAIR, True),
        ({name: [*PAIR["prompt"], *PAIR[name]] for name in ("chosen", "rejected")}, False),
        (
            {
                name: f"\n\nHuman: Hi\n\nAssistant: {PAIR[name][0]['content']}"
                for name in ("chosen", "rejected")
            },
            False,
        ),
    ],
    ids=["texts", "messages", "implicit prompt", "dialogues"],
)
def test_every_form_of_a_pair_is_the_same_document(
    tmp_path: Path, row: dict[str, Any], with_prompt: bool
) -> None:
    fields = {"chosen": "chosen", "rejected": "rejected"}
    fields |= {"prompt": "prompt"} if with_prompt else {}
    assert payloads(tmp_path, "preferences", [row], fields) == [PAIR]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "messages: expected a list of messages, got an empty list"),
        ({"role": "user"}, "messages: expected a list of messages, got an object"),
        (["Hi"], "messages.0: expected a message (`role`, `content`), got text"),
        ([{"from": "human", "value": "Hi"}], "messages.0.role: must be one of system, user, "),
        ([user("Hi"), SYSTEM, assistant("x")], "messages.1.role: a system message stands first"),
        ([user("Hi"), {"role": "assistant"}], "messages.1.content: expected text, got null"),
        (
            [user("Hi"), {**assistant("x"), "tool_calls": [{}]}],
            "messages.1.content: expected text, got calls of tools",
        ),
        ([user("Hi")], "messages: the last message must be the assistant's"),
        ([assistant("Hi")], "messages: no message is the user's"),
        ([user("Hi"), assistant("\ud800")], "messages.1.content: a lone surrogate (\\ud800)"),
    ],
)
def test_a_conversation_of_another_form_is_quarantined(
    tmp_path: Path, messages: Any, reason: str
) -> None:
    write_rows(tmp_path, [{"messages": messages}, {"messages": TALK}])
    declared = source("chat", kind="jsonl", path="rows.jsonl", messages="messages")
    bad, good = read_source(declared, tmp_path)
    assert isinstance(bad, QuarantinedRow)
    assert bad.reason.startswith(reason)
    assert isinstance(good, RawRow)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**PAIR, "rejected": PAIR["chosen"]}, "chosen and rejected: the answers are the same"),
        ({**PAIR, "chosen": PAIR["prompt"]}, "chosen: an Assistant turn must follow"),
        ({**PAIR, "chosen": 3}, "chosen: expected text, got a number"),
        ({"chosen": PAIR["chosen"], "rejected": "x"}, "prompt: this field is missing"),
    ],
)
def test_a_pair_that_compares_nothing_is_quarantined(tmp_path: Path, row: Any, reason: str) -> None:
    write_rows(tmp_path, [row])
    (found,) = read_source(source("preferences", prompt="prompt"), tmp_path)
    assert isinstance(found, QuarantinedRow)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("role", "fields", "missing"),
    [
        ("chat", {}, "prompt"),
        ("chat", {"prompt": "p"}, "completion"),
        ("preferences", {"prompt": "p", "chosen": "c"}, "rejected"),
        ("corpus", {"messages": "m"}, "text"),
    ],
)
def test_a_role_says_which_field_it_needs(
    tmp_path: Path, role: str, fields: dict[str, str], missing: str
) -> None:
    write_rows(tmp_path, [{"text": "x"}])
    declared = source(role, kind="jsonl", path="rows.jsonl", **fields)
    with pytest.raises(DataError, match=rf"^source 'sample': reader.{missing}: a source of the "):
        read(declared, tmp_path)


@pytest.mark.parametrize("value", [["a"], {"a": 1}])
def test_a_metadata_column_holds_single_values(tmp_path: Path, value: Any) -> None:
    write_rows(tmp_path, [{"text": "x", "tags": value}, {"text": "y", "tags": None}, {"text": "z"}])
    bad, *good = read_source(source(metadata=["tags"]), tmp_path)
    assert isinstance(bad, QuarantinedRow)
    assert bad.reason.startswith("tags: expected text, a number or a truth value, got ")
    assert [row.metadata for row in good if isinstance(row, RawRow)] == [{"tags": None}] * 2
