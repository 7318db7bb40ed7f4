"""The same rows come out of every format, with the same ids, as a stream."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.corpus.documents import ShardReader
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.sources import (
    Tally,
    check_first_rows,
    read_source,
    source_digest,
)
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Source
from tests.support.sources import read, source, write_rows

ROWS = [{"key": f"k{n}", "text": f"Text é {n}", "lang": "en", "score": n / 2} for n in range(3000)]
FIELDS: dict[str, Any] = {"id": "key", "metadata": ["lang", "score"]}


def write_jsonl(path: Path) -> None:
    write_rows(path.parent, ROWS, path.name)


def write_csv(path: Path) -> None:
    text = io.StringIO()
    delimiter = "\t" if path.name.endswith(".tsv") else ";"
    table = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    table.writeheader()
    table.writerows(ROWS)
    path.write_text(text.getvalue())


def write_stream(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(path, table.schema) as stream:
        stream.write_table(table, max_chunksize=700)


def write_file(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table, max_chunksize=2000)


FORMATS: dict[str, tuple[Callable[[Path], Any], dict[str, Any]]] = {
    "rows.jsonl": (write_jsonl, {"kind": "jsonl", "text": "text"}),
    "rows.jsonl.gz": (write_jsonl, {"kind": "jsonl", "text": "text"}),
    "rows.jsonl.zst": (write_jsonl, {"kind": "jsonl", "text": "text"}),
    "rows.csv": (write_csv, {"kind": "csv", "text": ["text"], "delimiter": ";"}),
    "rows.tsv": (write_csv, {"kind": "csv", "text": ["text"]}),
    "rows.parquet": (
        lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=900),
        {"kind": "parquet", "text": "text"},
    ),
    "rows.arrow": (write_file, {"kind": "arrow", "text": "text"}),
    "rows.arrows": (write_stream, {"kind": "arrow", "text": "text"}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_documents(tmp_path: Path, name: str) -> None:
    write, reader = FORMATS[name]
    write(tmp_path / name)
    rows = read(source(path=name, **reader, **FIELDS), tmp_path)
    assert [row.text for row in rows] == [row["text"] for row in ROWS]
    assert [row.external_id for row in rows] == [row["key"] for row in ROWS]
    above = {"jsonl": 1, "csv": 2}.get(reader["kind"], 1)
    assert [row.line for row in rows] == list(range(above, above + len(ROWS)))
    scores = [row["score"] for row in ROWS]
    expected = map(str, scores) if reader["kind"] == "csv" else scores
    assert [row.metadata["score"] for row in rows] == list(expected)
    assert rows[0].metadata["lang"] == "en"
    check_first_rows(source(path=name, **reader), tmp_path)


def test_a_file_is_read_as_it_is_taken(tmp_path: Path) -> None:
    """The first rows are there before the last group is looked at, which is damaged."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=1000)
    last = pq.ParquetFile(path).metadata.row_group(2).column(1)
    content = bytearray(path.read_bytes())
    start = last.dictionary_page_offset or last.data_page_offset
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    rows = read_source(source(kind="parquet", path="rows.parquet", text="text"), tmp_path)
    assert [next(rows).line for _ in range(2000)][-1] == 2000
    with pytest.raises(DataError, match=r"^rows.parquet: not a sound Parquet file: "):
        list(rows)


def test_nested_fields_are_named_by_their_path_and_a_whole_name_comes_first(tmp_path: Path) -> None:
    row = {"body": {"en": "Hello."}, "meta": {"a": {"b": 3}, "day": "x"}, "meta.day": "Monday"}
    write_rows(tmp_path, [row])
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    fields = {"text": "body.en", "metadata": ["meta.a.b", "meta.day"], "label": "meta.a.b"}
    for reader in (
        {"kind": "jsonl", "path": "rows.jsonl"},
        {"kind": "parquet", "path": "rows.parquet"},
    ):
        (found,) = read(source(**reader, **fields), tmp_path)
        assert found.text == "Hello."
        assert found.metadata == {"meta.a.b": 3, "meta.day": "Monday", "label": "3"}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_schema_that_changes_between_files_is_one_message(tmp_path: Path, kind: str) -> None:
    def write(name: str, **columns: Any) -> None:
        table = pa.table(columns)
        if kind == "parquet":
            pq.write_table(table, tmp_path / name)
        else:
            with pa.ipc.new_file(tmp_path / name, table.schema) as file:
                file.write_table(table)

    declared = source(kind=kind, path="*.part", text="text", metadata=["n"])
    write("a.part", text=["x"], n=[1])
    write("b.part", text=pa.array(["y"], pa.large_string()), n=[2], other=["of no concern"])
    assert len(read(declared, tmp_path)) == 2
    write("c.part", text=["z"], n=["3"])
    message = r"^c.part: n: is string here and int64 in a.part: a source has one schema$"
    for look in (check_first_rows, read_source):
        with pytest.raises(DataError, match=message):
            list(look(declared, tmp_path) or ())
    write("c.part", text=["z"])
    with pytest.raises(DataError, match=r"^c.part: n: there is no such column \(columns: text\)$"):
        read(declared, tmp_path)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_file_of_another_format_is_named(tmp_path: Path, kind: str) -> None:
    write_rows(tmp_path, [{"text": "x"}])
    with pytest.raises(DataError, match=r"^rows.jsonl: not a sound (Parquet|Arrow) file: "):
        read(source(kind=kind, path="rows.jsonl", text="text"), tmp_path)


def test_a_tree_of_texts_gives_a_document_a_file(tmp_path: Path) -> None:
    for name, content in {
        "a.txt": b"\n\nOne.\n\nMore.\r\n",
        "b/c.txt": b"\xef\xbb\xbfTwo.",
        "b/empty.txt": b" \n",
        "b/latin.txt": b"caf\xe9\n",
        "d.md": b"# A\none\n# B\ntwo\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = list(read_source(source(kind="text", path="**/*.txt"), tmp_path))
    assert [(row.path, row.line) for row in found] == [
        ("a.txt", 3),
        ("b/c.txt", 1),
        ("b/latin.txt", 1),
    ]
    assert [row.text for row in found if isinstance(row, RawRow)] == ["One.\n\nMore.", "Two."]
    assert isinstance(found[2], QuarantinedRow)
    assert found[2].reason == "not UTF-8 at byte 4"
    whole = read(source(kind="markdown", path="*.md", heading_level=None), tmp_path)
    assert [row.text for row in whole] == ["# A\none\n# B\ntwo"]


RECORDS = (
    ("warcinfo", "http://i", "application/warc-fields", b"software: test\r\n"),
    ("conversion", "http://a", "text/plain", "Page é".encode()),
    ("conversion", "http://b", "text/plain", b"caf\xe9"),
    ("response", "http://c", "http", b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"),
    ("response", "http://d", "http", b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nD"),
    ("request", "http://d", "http", b"GET / HTTP/1.0\r\n\r\n"),
)


def write_archive(path: Path) -> None:
    """As WARC 1.0 says; each record is packed by itself."""
    written = []
    for number, (kind, address, content, body) in enumerate(RECORDS):
        content = f"application/http; msgtype={kind}" if content == "http" else content
        head = (
            f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\n"
            f"WARC-Date: 2026-11-27T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
            f"Content-Type: {content}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        written.append(head.encode() + body + b"\r\n\r\n")
    packed = map(gzip.compress, written) if path.name.endswith(".gz") else written
    path.write_bytes(b"".join(packed))


@pytest.mark.parametrize("name", ["crawl.warc", "crawl.warc.wet.gz"])
def test_the_plain_texts_of_a_web_archive_are_documents(tmp_path: Path, name: str) -> None:
    write_archive(tmp_path / name)
    declared = source(kind="warc", path=name, metadata=["WARC-Type"])
    found = list(read_source(declared, tmp_path))
    assert [(row.line, getattr(row, "text", None) or row.reason) for row in found] == [  # type: ignore[union-attr]
        (2, "Page é"),
        (3, "not UTF-8 at byte 4"),
        (4, "is text/html: records of text/plain are read"),
        (5, "D"),
    ]
    assert isinstance(found[0], RawRow)
    assert found[0].external_id == "http://a"
    assert found[0].metadata == {"WARC-Type": "conversion"}


def test_what_is_no_web_archive_or_a_broken_one_is_named(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": "x"}])
    with pytest.raises(DataError, match=r"^rows.jsonl:1: not a sound web archive: "):
        read(source(kind="warc", path="rows.jsonl"), tmp_path)
    write_archive(tmp_path / "crawl.warc.gz")
    content = (tmp_path / "crawl.warc.gz").read_bytes()
    (tmp_path / "crawl.warc.gz").write_bytes(content[:-20])
    with pytest.raises(DataError, match=r"^crawl.warc.gz: the gzip archive is truncated"):
        read(source(kind="warc", path="crawl.warc.gz"), tmp_path)


def passages(text: str, characters: int, **reader: Any) -> Source:
    declared = source(**reader).model_dump()
    return Source.model_validate({**declared, "passages": {"characters": characters}})


LONG = "\n\n".join(["a" * 60, "b" * 30 + "\n" + "c" * 50, "d" * 250, "  ", "e"]) + "\n"


def test_a_long_text_is_cut_at_blank_lines_then_line_ends_then_anywhere(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(f"\n{LONG}")
    found = read(passages(LONG, 100, kind="text", path="long.txt"), tmp_path)
    assert [(row.line, row.text) for row in found] == [
        (2, "a" * 60),
        (4, "b" * 30 + "\n" + "c" * 50),
        (7, "d" * 100),
        (7, "d" * 100),
        (7, "d" * 50 + "\n\n  \n\ne"),
    ]
    write_rows(tmp_path, [{"text": LONG, "id": "x"}, {"text": "short\n", "id": "y"}])
    rows = read(passages(LONG, 100, id="id"), tmp_path)
    assert [row.text for row in rows] == [*(row.text for row in found), "short\n"]
    assert [(row.line, row.external_id) for row in rows] == [(1, "x")] * 5 + [(2, "y")]
    lined = "\n".join(f"{n:02} line" for n in range(40))
    (tmp_path / "long.txt").write_text(lined.replace("\n", "\r\n"))
    found = read(passages(LONG, 100, kind="text", path="long.txt"), tmp_path)
    assert all(row.text.startswith(f"{row.line - 1:02} line") for row in found)
    assert max(len(row.text) for row in found) <= 100
    assert "\r\n".join(row.text for row in found) == lined.replace("\n", "\r\n")


def test_a_document_is_in_the_sample_whatever_else_is_in_the_source(tmp_path: Path) -> None:
    def sampled(seed: int) -> Source:
        declared = source().model_dump()
        return Source.model_validate({**declared, "sample": {"share": 0.3, "seed": seed}})

    write_rows(tmp_path, [*ROWS, b"bad"])
    tally = Tally()
    found = list(read_source(sampled(0), tmp_path, tally=tally))
    texts = [row.text for row in found if isinstance(row, RawRow)]
    assert isinstance(found[-1], QuarantinedRow)
    assert len(texts) + tally.not_sampled == len(ROWS)
    assert 0.27 < len(texts) / len(ROWS) < 0.33
    write_rows(tmp_path, [{"text": "new"}, *reversed(ROWS[500:])])
    again = {row.text for row in read(sampled(0), tmp_path)} - {"new"}
    assert again == set(texts) & {row["text"] for row in ROWS[500:]}
    assert {row.text for row in read(sampled(1), tmp_path)} - {"new"} != again


def test_the_identity_of_a_source_follows_the_bytes_of_each_format(tmp_path: Path) -> None:
    for name, (write, reader) in FORMATS.items():
        write(tmp_path / name)
        declared = source(path=name, **reader)
        before = source_digest(declared, tmp_path)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:-1] + b"x")
        assert source_digest(declared, tmp_path) != before


def test_ids_of_documents_do_not_depend_on_the_format(tmp_path: Path) -> None:
    ids = set()
    for name in ("rows.jsonl.gz", "rows.tsv", "rows.parquet", "rows.arrows"):
        write, reader = FORMATS[name]
        write(tmp_path / name)
        rows = read_source(source(path=name, **reader), tmp_path)
        (shard,) = ShardReader(source()).read(rows)
        ids.add(json.dumps(shard.documents["document_id"].to_pylist()))
    assert len(ids) == 1
