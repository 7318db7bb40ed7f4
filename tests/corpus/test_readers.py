"""Documents are read as they stand, with their places; every fault gets one message."""

import bz2
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from alignment_dagster.corpus import lines
from alignment_dagster.foundation.errors import DataError
from tests.support.sources import read, source, write_rows


def refusal(data: Path | None, declared: Any = None) -> str:
    with pytest.raises(DataError) as caught:
        read(declared or source(), data)
    return str(caught.value)


def test_a_text_keeps_its_words_place_and_id(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": "One.\n", "id": 7}, "", {"text": "\x00\x07 two", "id": "b"}])
    one, two = read(source(id="id"), tmp_path)
    assert (one.text, one.external_id, one.path, one.line) == ("One.\n", "7", "rows.jsonl", 1)
    assert (two.text, two.external_id, two.line) == ("\x00\x07 two", "b", 3)
    assert one.payload is None


def test_wildcards_name_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_rows(tmp_path, [{"text": name}], f"general/part-{name}.jsonl.gz")
    rows = read(source(path="general/part-*.jsonl.gz"), tmp_path)
    assert [(row.text, row.path) for row in rows] == [
        ("a", "general/part-a.jsonl.gz"),
        ("b", "general/part-b.jsonl.gz"),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('{"text": "x"', "rows.jsonl:2: not JSON: "),
        ('["x"]', "rows.jsonl:2: expected a JSON object, got a list"),
        ("null", "rows.jsonl:2: expected a JSON object, got null"),
        ("[" * 100_000, "rows.jsonl:2: "),
        ('{"text": ' + "9" * 5000 + "}", "rows.jsonl:2: not usable JSON: "),
        ('{"text": "a", "text": "b"}', "rows.jsonl:2: text: this field is given twice"),
        ('{"text": "a", "meta": {"n": 1, "n": 2}}', "rows.jsonl:2: n: this field is given twice"),
        ({"body": "x"}, "rows.jsonl:2: text: this field is missing"),
        ({"text": None}, "rows.jsonl:2: text: expected text, got null"),
        ({"text": ["x"]}, "rows.jsonl:2: text: expected text, got a list"),
        ({"text": 3}, "rows.jsonl:2: text: expected text, got a number"),
        ('{"text": "x\\ud800"}', "rows.jsonl:2: text: a lone surrogate (\\ud800)"),
        (b'{"text": "\xff"}', "rows.jsonl:2: not UTF-8 at byte 11"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_field(
    tmp_path: Path, row: Any, expected: str
) -> None:
    write_rows(tmp_path, [{"text": "fine"}, row])
    message = refusal(tmp_path)
    assert message.startswith(expected)
    assert "\n" not in message


@pytest.mark.parametrize("value", [True, None, 1.5, {}])
def test_an_id_is_text_or_a_whole_number(tmp_path: Path, value: Any) -> None:
    write_rows(tmp_path, [{"text": "x", "id": value}])
    assert refusal(tmp_path, source(id="id")).startswith("rows.jsonl:1: id: expected text or a")


def test_a_line_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 100)
    write_rows(tmp_path, [{"text": "x" * 200}])
    assert refusal(tmp_path) == "rows.jsonl:1: the line is longer than 100 bytes"


def test_a_truncated_archive_is_not_a_short_source(tmp_path: Path) -> None:
    path = write_rows(tmp_path, [{"text": f"{n} words"} for n in range(500)], "rows.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-20])
    message = refusal(tmp_path, source(path="rows.jsonl.gz"))
    assert message.startswith("rows.jsonl.gz:")
    assert message.endswith("the gzip archive is truncated")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x28\xb5\x2f\xfd\x04\x00", "compressed by Zstandard"),
        (b"\xfd7zXZ\x00\x00", "compressed by xz"),
        (b"\x04\x22\x4d\x18", "compressed by LZ4"),
        (bz2.compress(b'{"text": "x"}'), "compressed by bzip2"),
        (gzip.compress(b'{"text": "x"}', mtime=0), "compressed by gzip"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"PAR1\x15\x04", "a Parquet file"),
        ('{"text": "x"}'.encode("utf-16"), "UTF-16 text"),
    ],
)
def test_a_file_of_another_format_is_called_by_its_name(
    tmp_path: Path, content: bytes, what: str
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    assert refusal(tmp_path).startswith(f"rows.jsonl: is {what}: text (UTF-8) is read, plain or")


def test_an_archive_is_read_however_its_ending_is_written(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.GZ").write_bytes(gzip.compress(b'{"text": "x"}', mtime=0))
    assert [row.text for row in read(source(path="*.GZ"), tmp_path)] == ["x"]


def test_a_wildcard_names_nothing_hidden(tmp_path: Path) -> None:
    for name in ("a/b.jsonl", "a/._b.jsonl", ".ipynb_checkpoints/b.jsonl", ".kept/b.jsonl"):
        write_rows(tmp_path, [{"text": name}], name)
    for path, expected in (("**/*.jsonl", ["a/b.jsonl"]), (".kept/*", [".kept/b.jsonl"])):
        assert [row.text for row in read(source(path=path), tmp_path)] == expected


def test_a_plain_file_called_gz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_text('{"text": "x"}\n')
    assert "not a sound gzip archive" in refusal(tmp_path, source(path="rows.jsonl.gz"))


def test_damaged_bytes_inside_an_archive_are_refused(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path, [{"text": hashlib.sha256(b"%d" % n).hexdigest()} for n in range(99)]
    )
    damaged = bytearray(gzip.compress(path.read_bytes()))
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "rows.jsonl.gz").write_bytes(damaged)
    assert refusal(tmp_path, source(path="rows.jsonl.gz")).startswith("rows.jsonl.gz:")


def test_without_a_data_folder_the_message_says_what_to_set(tmp_path: Path) -> None:
    assert "set ALIGNMENT_DATA to the folder" in refusal(None)
    assert "there is no folder" in refusal(tmp_path / "absent")


@pytest.mark.parametrize("path", ["rows.jsonl", "rows-*.jsonl", "general"])
def test_a_missing_file_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "general").mkdir()
    message = refusal(tmp_path, source(path=path))
    assert message.startswith(f"source 'sample': reader.path: '{path}': there is no such file")


@pytest.mark.parametrize("path", ["../rows.jsonl", "/etc/passwd", "a/../../rows.jsonl", "**/../*"])
def test_a_path_stays_in_the_data_folder(path: str) -> None:
    with pytest.raises(ValidationError, match="lead out of no folder"):
        source(path=path)


def test_a_link_out_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": "secret"}])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.jsonl").symlink_to(tmp_path / "rows.jsonl")
    assert "links to a place outside" in refusal(tmp_path / "data")


def test_a_pinned_digest_is_over_the_bytes_of_all_files(tmp_path: Path) -> None:
    parts = [write_rows(tmp_path, [{"text": name}], f"part-{name}.jsonl") for name in "ab"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()
    assert len(read(source(path="part-*.jsonl", sha256=digest), tmp_path)) == 2
    message = refusal(tmp_path, source(path="part-a.jsonl", sha256=digest))
    assert digest in message
    assert hashlib.sha256(parts[0].read_bytes()).hexdigest() in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ntitle: x\n---\n\nBody.\n---\n", "Body.\n---\n"),
        ("---\n# written by hand\ntitle: x\n...\nBody.", "Body."),
        ("---\ntitle: One: two\n---\nBody.", "Body."),
        ("---\n---\nBody.", "Body."),
        ("---\nno end", "---\nno end"),
        ("Text\n---\nmore\n---\n", "Text\n---\nmore\n---\n"),
        ("---\nTwo rules.\n---\nBody.", "---\nTwo rules.\n---\nBody."),
        ("---\n- a list\n---\nBody.", "---\n- a list\n---\nBody."),
    ],
)
def test_front_matter_is_fields_between_two_borders(
    tmp_path: Path, text: str, expected: str
) -> None:
    write_rows(tmp_path, [{"text": text}])
    (row,) = read(source(front_matter="strip"), tmp_path)
    assert row.text == expected


@pytest.mark.parametrize("role", ["chat", "tampering"])
def test_instructions_become_conversations(tmp_path: Path, role: str) -> None:
    write_rows(tmp_path, [{"prompt": "Add 1 and 1.\n", "completion": " 2<|endoftext|>"}])
    (row,) = read(source(role), tmp_path)
    assert row.text == "Add 1 and 1.\n2"
    assert row.payload is not None
    assert json.loads(row.payload) == {
        "messages": [
            {"role": "user", "content": "Add 1 and 1."},
            {"role": "assistant", "content": "2"},
        ]
    }


def test_a_role_needs_its_fields_declared(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": "x"}])
    declared = source("chat", kind="jsonl", path="rows.jsonl", text="text")
    assert refusal(tmp_path, declared).startswith("source 'sample': reader.prompt: ")


def pair(chosen: str, rejected: str) -> dict[str, str]:
    return {"chosen": chosen, "rejected": rejected}


def test_a_preference_pair_is_the_common_prompt_and_what_differs(tmp_path: Path) -> None:
    prompt = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How do I {steal}?\n\nAssistant:"
    write_rows(tmp_path, [pair(f"{prompt} I won't say.", f"{prompt} Like this. Human: ok")])
    (row,) = read(source("preferences"), tmp_path)
    assert row.payload is not None
    payload = json.loads(row.payload)
    assert [message["role"] for message in payload["prompt"]] == ["user", "assistant", "user"]
    assert payload["chosen"] == [{"role": "assistant", "content": "I won't say."}]
    assert payload["rejected"] == [{"role": "assistant", "content": "Like this. Human: ok"}]
    assert row.text.splitlines()[-2:] == ["I won't say.", "Like this. Human: ok"]


def test_what_follows_the_prompt_may_be_several_turns(tmp_path: Path) -> None:
    begin = "\n\nHuman: Hi\n\nAssistant:"
    write_rows(tmp_path, [pair(f"{begin} A\n\nHuman: more\n\nAssistant: B", f"{begin} C")])
    (row,) = read(source("preferences"), tmp_path)
    assert row.payload is not None
    payload = json.loads(row.payload)
    assert [message["content"] for message in payload["chosen"]] == ["A", "more", "B"]
    assert [message["content"] for message in payload["rejected"]] == ["C"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            pair("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: x\n\nAssistant: y"),
            "rows.jsonl:1: chosen and rejected have no common prompt",
        ),
        (pair("\n\nAssistant: b", "\n\nAssistant: y"), "rows.jsonl:1: chosen and rejected have no"),
        (pair("plain", "\n\nHuman: x"), "rows.jsonl:1: chosen: expected a dialogue"),
        (
            pair("\n\nHuman: a\n\nHuman: b", "\n\nHuman: a\n\nAssistant: c"),
            "rows.jsonl:1: chosen: an Assistant turn must follow",
        ),
        ({"chosen": "\n\nHuman: a"}, "rows.jsonl:1: rejected: this field is missing"),
        (
            pair("\n\nHuman: a\n\nAssistant: b ", "\n\nHuman: a\n\nAssistant: b"),
            "rows.jsonl:1: chosen and rejected: the answers are the same",
        ),
        (
            pair("\n\nHuman: a\n\nAssistant:", "\n\nHuman: a\n\nAssistant:"),
            "rows.jsonl:1: chosen and rejected: the answers are the same",
        ),
    ],
)
def test_a_pair_that_compares_nothing_is_refused(tmp_path: Path, row: Any, expected: str) -> None:
    write_rows(tmp_path, [row])
    assert refusal(tmp_path, source("preferences")).startswith(expected)


def csv_source(**fields: Any) -> Any:
    return source(kind="csv", path="rows.csv", text=["Question", "Answer"], **fields)


def test_a_row_of_many_lines_stands_at_its_first(tmp_path: Path) -> None:
    content = (
        'ID,Question,Answer\n1,"Why,\n\n""so""?","Because\nof it."\n2,Short?,\n\n3,Last?,Yes\n'
    )
    (tmp_path / "rows.csv").write_text(content)
    rows = read(csv_source(id="ID"), tmp_path)
    assert [(row.line, row.external_id) for row in rows] == [(2, "1"), (6, "2"), (8, "3")]
    assert rows[0].text == 'Why,\n\n"so"?\n\nBecause\nof it.'
    assert rows[1].text == "Short?"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Question,Reply\na,b\n", "rows.csv:1: Answer: there is no such column"),
        (b"", "rows.csv:1: Question: there is no such column (columns: none)"),
        (b"Question,Answer,Answer\na,b,c\n", "rows.csv:1: Answer: is named twice"),
        (b"Question,Answer\na,b\nc\n", "rows.csv:3: the row has 1 cells, the header names 2"),
        (b'Question,Answer\na,b\nc,"d\n\n', "rows.csv:3: not a CSV row: "),
        (b"Question,Answer\na,b\nc,\xe9\n", "rows.csv:3: not UTF-8 at byte 3"),
    ],
)
def test_a_bad_table_is_named_with_its_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    assert refusal(tmp_path, csv_source()).startswith(expected)


def test_long_cells_and_nul_bytes_are_data(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(f"Question,Answer\n{'x' * 300_000},a\x00b\n")
    (row,) = read(csv_source(), tmp_path)
    assert len(row.text) == 300_005


MARKDOWN = """
Preface.

# Part

## One
First.
```
# not a heading
```
### Deeper
Still one.

## Two {#two}

Second.
"""


def test_a_section_of_markdown_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "spec.md").write_text(MARKDOWN)
    rows = read(source(kind="markdown", path="spec.md"), tmp_path)
    assert [(row.line, row.external_id) for row in rows] == [
        (2, None),
        (4, "One"),
        (14, "Two {#two}"),
    ]
    assert rows[0].text == "Preface."
    assert rows[1].text.startswith("# Part\n\n## One\nFirst.\n```\n# not")
    assert rows[1].text.endswith("Still one.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A\none\n\n## B ##\ntwo", [(1, "A"), (4, "B")]),
        ("A\n===\none\n\nB\n---\ntwo", [(1, "A"), (5, "B")]),
        ("A\nlong one\n===\none", [(1, "A\nlong one")]),
        ("one\n\n---\n\ntwo", [(1, None)]),
        ("# A\n<!--\n# no\n-->\none", [(1, "A")]),
        ("# A\n- list\n\n  ```\n  # no\n  ```\n\n# B\ntwo", [(1, "A"), (8, "B")]),
        ("# A\n    ```\n\n# B\ntwo", [(1, "A"), (4, "B")]),
        ("# A\n``` x ``` is code\n\n# B\ntwo", [(1, "A"), (4, "B")]),
        ("# A\n~~~\n```\n# no\n~~~\n# B\ntwo", [(1, "A"), (6, "B")]),
        ("# A\n> # no\n\n- # no\n", [(1, "A")]),
        ("#A is a tag\n\n\\# no", [(1, None)]),
        ("---\n# by hand\ntitle: x\n---\n# A\none", [(1, None), (5, "A")]),
        ("---\ntitle: x\n...\n# A\none", [(1, None), (4, "A")]),
        ("# A\r\none\r\n# B\r\ntwo", [(1, "A"), (3, "B")]),
        ("# A\rone\r# B\rtwo", [(1, "A"), (3, "B")]),
        ("\ufeff# A\none", [(1, "A")]),
    ],
)
def test_a_heading_is_what_commonmark_takes_for_one(
    tmp_path: Path, text: str, expected: list[tuple[int, str | None]]
) -> None:
    (tmp_path / "spec.md").write_bytes(text.encode())
    rows = read(source(kind="markdown", path="spec.md"), tmp_path)
    assert [(row.line, row.external_id) for row in rows] == expected
    assert "\n".join(row.text for row in rows).split() == text.removeprefix("\ufeff").split()


def test_a_table_holds_no_conversations(tmp_path: Path) -> None:
    (tmp_path / "spec.md").write_text("Text.")
    declared = source("chat", kind="markdown", path="spec.md")
    assert refusal(tmp_path, declared).startswith("source 'sample': reader.kind: ")


def test_an_unknown_generator_is_named_with_the_known_ones() -> None:
    declared = source(kind="generated", generator="everyday_tales", documents=3)
    message = refusal(None, declared)
    assert "unknown generator 'everyday_tales'" in message
    assert "everyday_stories" in message


def test_a_generator_must_write_what_the_role_needs() -> None:
    declared = source("chat", kind="generated", generator="everyday_stories", documents=3)
    assert "not of the role 'chat'" in refusal(None, declared)
