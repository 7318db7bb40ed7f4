"""Files at an address are read as files of this machine are; credentials are the environment's."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from alignment_dagster.corpus.sources import check_first_rows, read_source, source_digest
from alignment_dagster.foundation.errors import DataError
from tests.support.s3_server import BUCKET, S3, serving
from tests.support.sources import read, source

LINES = b'{"text": "one"}\n{"text": "two"}\n'


def at(address: str, path: str, **fields: Any) -> Any:
    reader = {"kind": "jsonl", "text": "text", **fields}
    return source(**reader, folder=address, path=path)


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[str]:
    """An address below which a store of this process holds files."""
    store = fsspec.filesystem("memory")
    address = f"memory:/{tmp_path}"
    store.pipe(f"{tmp_path}/part-a.jsonl", LINES)
    store.pipe(f"{tmp_path}/part-b.jsonl.gz", gzip.compress(b'{"text": "three"}\n'))
    store.pipe(f"{tmp_path}/._part-c.jsonl", b"left by another program")
    yield address
    store.rm(str(tmp_path), recursive=True)


def test_what_lies_at_an_address_is_read_by_wildcard(stored: str) -> None:
    rows = read(at(stored, "part-*"), None)
    assert [(row.path, row.line, row.text) for row in rows] == [
        ("part-a.jsonl", 1, "one"),
        ("part-a.jsonl", 2, "two"),
        ("part-b.jsonl.gz", 1, "three"),
    ]
    assert read(at(stored + "/", "*.jsonl"), None) == rows[:2]
    check_first_rows(at(stored, "part-*"), None)


def test_a_folder_of_this_machine_has_an_address_too(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(LINES)
    declared = at(f"file://{tmp_path}", "rows.jsonl")
    assert [row.text for row in read(declared, None)] == ["one", "two"]
    before = source_digest(declared, None)
    assert before == source_digest(at("data", "rows.jsonl"), tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(LINES[:-2] + b" \n")
    assert source_digest(declared, None) != before


def test_what_is_not_there_or_cannot_be_asked_is_one_message(stored: str) -> None:
    for path in ("other.jsonl", "other-*"):
        with pytest.raises(
            DataError, match=rf"^source 'sample': reader.path: '{path[:5]}.*nothing"
        ):
            read(at(stored, path), None)
    for address, reason in (
        ("nosuchstore://bucket", "cannot be listed: ValueError: Protocol not known"),
        ("s3://bucket", "cannot be listed: "),
    ):
        with pytest.raises(DataError) as caught:
            read(at(address, "*.jsonl"), None)
        assert str(caught.value).startswith(f"source 'sample': reader.folder: {address}: {reason}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["s3://key:secret@bucket", "/etc", "zip://*::s3://b", "s3://b/../c", "s3://b/*", "Data", ""],
)
def test_an_address_holds_neither_credentials_nor_wildcards(address: str) -> None:
    with pytest.raises(ValidationError, match="credentials"):
        at(address, "rows.jsonl")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    pytest.importorskip("moto.server", reason="the S3 server of these tests is moto")
    pytest.importorskip("s3fs", reason="the client of S3 is s3fs")
    with serving() as server:
        yield server


def test_object_storage_is_read_with_what_the_environment_says(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    packed = gzip.compress(b"".join(b'{"text": "Row %d."}\n' % n for n in range(5000)))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["p", "q"], "n": [1, 2]}), sink)
    for key, body in {
        "corpus/a.jsonl.gz": packed,
        "corpus/deep/b.jsonl.gz": packed[: len(packed) // 2],
        "corpus/c.parquet": sink.getvalue().to_pybytes(),
    }.items():
        s3.client.put_object(Bucket=BUCKET, Key=key, Body=body)
    address = f"s3://{BUCKET}/corpus"
    rows = read(at(address, "*.jsonl.gz"), None)
    assert len(rows) == 5000
    assert (rows[-1].path, rows[-1].line, rows[-1].text) == ("a.jsonl.gz", 5000, "Row 4999.")
    parquet = source(kind="parquet", folder=address, path="*.parquet", text="text", metadata=["n"])
    assert [(row.text, row.metadata) for row in read(parquet, None)] == [
        ("p", {"n": 1}),
        ("q", {"n": 2}),
    ]
    with pytest.raises(DataError, match=r"^deep/b.jsonl.gz: the gzip archive is truncated"):
        list(read_source(at(address, "**/*.gz"), None))
    declared = at(address, "*.jsonl.gz")
    before = source_digest(declared, None)
    assert source_digest(declared, None) == before
    s3.client.put_object(Bucket=BUCKET, Key="corpus/a.jsonl.gz", Body=packed + b"\0")
    assert source_digest(declared, None) != before
    assert json.dumps(declared.model_dump(mode="json")).count("secret") == 0
