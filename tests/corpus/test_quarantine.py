"""A row that cannot be used is told with its place, reason and digest, and reading goes on."""

import gzip
import hashlib
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from alignment_dagster.corpus import lines, streams
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.sources import read_source
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.json_objects import JsonFault, parse_line, parse_object
from tests.support.sources import source, write_rows

GOOD = {"text": "fine"}


def rows(tmp_path: Path, declared: Any = None) -> list[RawRow | QuarantinedRow]:
    return list(read_source(declared or source(), tmp_path))


def told(found: list[RawRow | QuarantinedRow]) -> list[tuple[int, str]]:
    """(line, text or reason) of each row."""
    return [(row.line, row.text if isinstance(row, RawRow) else row.reason) for row in found]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "x"', "not JSON: "),
        (b'["x"]', "expected a JSON object, got a list"),
        (b'{"text": "a", "text": "b"}', "text: this field is given twice"),
        (b'{"text": "a", "text" :"b"}', "text: this field is given twice"),
        (b'{"body": "x"}', "text: this field is missing"),
        (b'{"text": 3}', "text: expected text, got a number"),
        (b'{"text": "x\\ud800"}', "text: a lone surrogate (\\ud800) is not a character"),
        (b'{"text": "\xff"}', "not UTF-8 at byte 11"),
        (b'{"text": "x", "n": ' + b"9" * 5000 + b"}", "not usable JSON: "),
        (b"[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_a_line_that_cannot_be_used_stands_between_those_that_can(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    write_rows(tmp_path, [GOOD, line, GOOD])
    before, bad, after = rows(tmp_path)
    assert isinstance(bad, QuarantinedRow)
    assert (bad.path, bad.line) == ("rows.jsonl", 2)
    assert bad.reason.startswith(reason)
    assert bad.sha256 == hashlib.sha256(line + b"\n").hexdigest()
    assert told([before, after]) == [(1, "fine"), (3, "fine")]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.jsonl.zst"])
def test_a_line_too_long_is_passed_over_and_its_digest_is_of_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    long = [json.dumps({"text": "x" * size}).encode() for size in (2000, 3_000_000)]
    write_rows(tmp_path, [GOOD, long[0], long[1], GOOD], name)
    one, *bad, two = rows(tmp_path, source(path=name))
    assert told([one, two]) == [(1, "fine"), (4, "fine")]
    for number, (row, line) in enumerate(zip(bad, long, strict=True), start=2):
        digest = hashlib.sha256(line + b"\n").hexdigest()
        assert row == QuarantinedRow(name, number, "the line is longer than 1,000 bytes", digest)


def test_lines_come_out_whole_wherever_the_chunks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [b"", b"a", b"bc" * 5, b"\xef\xbb\xbf", b"d" * 30, b"", b"e"]
    (tmp_path / "rows").write_bytes(b"\n".join(written))
    read_chunk = streams.Unpacked.read1
    expected = [line + b"\n" for line in written[:-1]] + [b"e"]
    from alignment_dagster.corpus.files import SourceFile

    for size in range(1, 60):
        monkeypatch.setattr(streams.Unpacked, "read1", lambda self: read_chunk(self, size))  # noqa: B023
        found = list(lines.read_bytes(SourceFile("rows", tmp_path / "rows")))
        assert [line for _, line in found] == expected
        assert [number for number, _ in found] == list(range(1, 8))


def test_a_row_of_a_table_that_cannot_be_used_does_not_take_others_with_it(tmp_path: Path) -> None:
    parts = [
        b"id,text\n",
        b"1,fine\n",
        b"2\n",
        b'3,"of\ntwo, \xff lines"\n',
        b'4,"a"b\n',
        b"\n",
        b"5,fine\n",
        b'6,"no end\n7,fine\n',
    ]
    (tmp_path / "rows.csv").write_bytes(b"".join(parts))
    found = rows(tmp_path, source(kind="csv", path="rows.csv", text=["text"], id="id"))
    assert told(found) == [
        (2, "fine"),
        (3, "the row has 1 cells, the header names 2"),
        (4, "not UTF-8 at byte 6 (lines 4 to 5)"),
        (6, "not a CSV row: ',' expected after '\"'"),
        (8, "fine"),
        (9, "not a CSV row: unexpected end of data (lines 9 to 10)"),
    ]
    digests = [row.sha256 for row in found if isinstance(row, QuarantinedRow)]
    assert digests == [hashlib.sha256(parts[n]).hexdigest() for n in (2, 3, 4, 7)]


def test_a_section_that_is_no_text_does_not_take_others_with_it(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(b"# A\none\n# B\ntwo\nx\xffy\n# C\nthree\n")
    found = rows(tmp_path, source(kind="markdown", path="page.md"))
    assert told(found) == [(1, "# A\none"), (5, "not UTF-8 at byte 2"), (6, "# C\nthree")]
    assert isinstance(found[1], QuarantinedRow)
    assert found[1].sha256 == hashlib.sha256(b"# B\ntwo\nx\xffy\n").hexdigest()


def test_a_value_that_is_no_text_does_not_take_its_batch_with_it(tmp_path: Path) -> None:
    binary = pa.array([b"one", b"t\xffo", b"three", None], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 4, binary.buffers())
    pq.write_table(pa.table({"text": texts}), tmp_path / "rows.parquet")
    found = rows(tmp_path, source(kind="parquet", path="rows.parquet", text="text"))
    assert told(found) == [
        (1, "one"),
        (2, "text: not UTF-8 at byte 2"),
        (3, "three"),
        (4, "text: expected text, got null"),
    ]
    digests = {row.sha256 for row in found if isinstance(row, QuarantinedRow)}
    assert len(digests) == 2


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_an_archive_that_unpacks_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(streams, "ALWAYS_UNPACKED", 1000)
    write_rows(tmp_path, [b"0" * 30_000_000], f"rows.jsonl.{ending}")
    with pytest.raises(
        DataError, match=rf"^rows.jsonl.{ending}: unpacks to more than .* 250 times"
    ):
        rows(tmp_path, source(path=f"rows.jsonl.{ending}"))


def test_a_column_that_unpacks_without_end_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alignment_dagster.corpus.readers.parquet.ALWAYS_UNPACKED", 1000)
    table = pa.table({"text": ["0" * 30_000_000]})
    pq.write_table(table, tmp_path / "rows.parquet", compression="zstd")
    with pytest.raises(DataError, match=r"^rows.parquet: row group 0: text: unpacks to more than"):
        rows(tmp_path, source(kind="parquet", path="rows.parquet", text="text"))


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_text_that_is_stored_once_and_said_without_end_is_stopped_before_it_is_held(
    tmp_path: Path, kind: str
) -> None:
    said = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["0" * 2**20])
    table = pa.table({"text": said, "number": list(range(5000))})
    path = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        # as other writers have it: a column of texts, of which the file holds each once
        pq.write_table(table, path, compression="zstd", store_schema=False)
        assert pq.read_schema(path).field("text").type == pa.string()
        assert path.stat().st_size < 50_000
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    most = pa.default_memory_pool().max_memory()
    with pytest.raises(DataError, match=rf"^rows.{kind}: unpacks to more than .* 250 times"):
        rows(tmp_path, source(kind=kind, path=path.name, text="text"))
    assert pa.default_memory_pool().max_memory() - most < 64 * 2**20


def test_texts_that_repeat_a_little_are_read_as_they_are(tmp_path: Path) -> None:
    texts = [f"{n % 50} " * 2000 if n % 3 else f"{n} " * 5000 for n in range(600)]
    pq.write_table(pa.table({"text": texts, "language": ["en"] * 600}), tmp_path / "rows.parquet")
    declared = source(kind="parquet", path="rows.parquet", text="text", metadata=["language"])
    found = rows(tmp_path, declared)
    assert [row.text for row in found if isinstance(row, RawRow)] == texts
    assert {row.metadata["language"] for row in found if isinstance(row, RawRow)} == {"en"}


def write_responses(path: Path, bodies: list[tuple[str, bytes]]) -> None:
    """A web archive of HTTP responses: encoding and body."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=False)
        for encoding, body in bodies:
            headers = [("Content-Type", "text/plain"), ("Content-Encoding", encoding)]
            head = StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
            record = writer.create_warc_record(
                "http://a", "response", payload=io.BytesIO(body), http_headers=head
            )
            writer.write_record(record)


def test_an_http_encoding_is_unpacked_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alignment_dagster.corpus.readers.warc.ALWAYS_UNPACKED", 2**20)
    long = b"".join(b"%d " % (7**n) for n in range(900))
    packed, deflate = gzip.compress(long, mtime=0), zlib.compress(b"Deflated.")
    bodies = {
        "gzip": [gzip.compress(b"Hello, ") + gzip.compress(b"you.")],
        "deflate": [deflate, deflate[2:-4]],
        "identity": [b"As it is."],
        "GZIP": [b"Unpacked by the crawler.", gzip.compress(bytes(100_000_000))],
        "x-gzip": [packed[:-2000] + bytes(1000) + packed[-1000:], packed[:-1000]],
        "br": [b"\x0b\x02\x80Hello\x03"],
    }
    each = [(encoding, body) for encoding, found in bodies.items() for body in found]
    write_responses(tmp_path / "crawl.warc", each)
    found = rows(tmp_path, source(kind="warc", path="crawl.warc"))
    texts = ["Hello, you.", "Deflated.", "Deflated.", "As it is.", "Unpacked by the crawler."]
    assert [row.text for row in found if isinstance(row, RawRow)] == texts
    reasons = [row.reason for row in found if isinstance(row, QuarantinedRow)]
    assert re.fullmatch(
        r"unpacks to more than 250 times its size; [\d,]+ bytes were read", reasons[0]
    )
    assert int(re.sub(r"\D", "", reasons[0].partition(";")[2])) < 30 * 2**20
    assert reasons[1:] == [
        "its HTTP encoding 'x-gzip' is damaged",
        "its HTTP body is cut off",
        "its HTTP encoding 'br' is not read",
    ]


@pytest.mark.parametrize("size", [2**20, 2**20 + 1, 2**20 + 255, 2**21 + 7])
def test_a_body_that_ends_behind_a_bound_of_reading_is_whole(tmp_path: Path, size: int) -> None:
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = raw.compress(b"a" * size) + raw.flush()
    write_responses(tmp_path / "crawl.warc", [("deflate", packed)])
    (found,) = rows(tmp_path, source(kind="warc", path="crawl.warc"))
    assert isinstance(found, RawRow)
    assert len(found.text) == size


def test_a_truncated_archive_gives_its_rows_and_then_an_error_that_names_it(tmp_path: Path) -> None:
    content = b"".join(b'{"text": "%064x"}\n' % (7**n) for n in range(20))
    packed = {
        "gz": (gzip.compress(content), "the gzip archive is truncated"),
        "zst": (pa.Codec("zstd").compress(content, asbytes=True), "not a sound Zstandard archive"),
    }
    for ending, (data, message) in packed.items():
        (tmp_path / f"rows.{ending}").write_bytes(data[:-9])
        with pytest.raises(DataError, match=rf"^rows.{ending}: {message}"):
            rows(tmp_path, source(path=f"rows.{ending}"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(['":', '" :', "x", "\ud800", "9" * 30]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", '":', ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
written_values = st.builds(
    lambda value, spaced, ascii: json.dumps(
        value, separators=(", ", " : ") if spaced else None, ensure_ascii=ascii
    ),
    st.dictionaries(st.sampled_from(["a", "text"]), json_values),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(
    written_values
    | st.builds(lambda one, two: one[:-1] + ", " + two[1:], written_values, written_values)
    | st.text('{}[]":,ab \\u09eE.+-', max_size=25)
)
def test_the_fast_parser_says_what_the_careful_one_says(text: str) -> None:
    line = text.encode("utf-8", "surrogatepass")
    try:
        expected = repr(parse_object(line.decode("utf-8")))
    except (JsonFault, UnicodeDecodeError) as fault:
        expected = str(fault)
    try:
        found = repr(parse_line(line))
    except (JsonFault, UnicodeDecodeError) as fault:
        found = str(fault)
    assert found == expected
