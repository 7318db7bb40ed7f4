"""Datasets of the hub: pinned, read file by file, and read again without a network."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from alignment_dagster.corpus.files import SourceFile
from alignment_dagster.corpus.readers.hub import read_hub
from alignment_dagster.corpus.sources import source_digest
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import HubReader
from tests.support import hub_server
from tests.support.sources import source

DATASET, REVISION = "owner/name", "0123456789" * 4
CARD = b"""---
configs:
- config_name: main
  data_files:
  - split: train
    path: data/train-*.parquet
  - split: test
    path: data/test-*.parquet
- config_name: lines
  data_files: lines/*.jsonl
---
# A dataset
"""
READ = """
import json, sys
from alignment_dagster.corpus.sources import read_source
from tests.support.sources import source

for fields in json.loads(sys.argv[1]):
    try:
        rows = read_source(source(kind="hub", text="text", **fields), None)
        found = [[row.path, row.line, getattr(row, "text", None) or row.reason] for row in rows]
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    print(json.dumps(found))
"""


def parquet(*rows: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


FILES = {
    "README.md": CARD,
    "data/train-0.parquet": parquet({"text": "one", "n": 1}),
    "data/train-1.parquet": parquet({"text": None, "n": 2}, {"text": "two", "n": 3}),
    "data/test-0.parquet": parquet({"text": "asked", "n": 4}),
    "lines/a.jsonl": b'{"text": "a line"}\nno row\n',
}
TRAIN = [
    ["data/train-0.parquet", 1, "one"],
    ["data/train-1.parquet", 1, "text: expected text, got null"],
    ["data/train-1.parquet", 2, "two"],
]


def declared(**fields: Any) -> dict[str, Any]:
    return {"dataset": DATASET, "configuration": "main", "revision": REVISION, **fields}


def read_all(cache: Path, sources: list[dict[str, Any]], **environment: str) -> list[Any]:
    lines = hub_server.ask_alone(READ, cache, sources, **environment)
    return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_a_split_is_fetched_once_and_read_without_a_network_afterwards(tmp_path: Path) -> None:
    """Through the real clients of the hub; no file of another split is fetched."""
    main = f"DataError: hub:{DATASET}/main"
    with hub_server.serving(DATASET, REVISION, FILES) as (address, fetched):
        train, no_split, no_revision, no_dataset = read_all(
            tmp_path,
            [
                declared(),
                declared(split="dev"),
                declared(revision="f" * 40),
                declared(dataset="owner/other"),
            ],
            HF_ENDPOINT=address,
            HF_HUB_OFFLINE="0",
        )
        assert sorted(fetched) == ["README.md", "data/train-0.parquet", "data/train-1.parquet"]
    assert train == TRAIN
    assert no_split == f"{main}@012345678901: there is no split 'dev' (splits: train, test)"
    assert no_revision.startswith(f"{main}@{'f' * 12}: the hub has no such dataset, revision or")
    assert no_dataset.startswith(
        "DataError: hub:owner/other/main@012345678901: the hub has no such"
    )
    again, unread = read_all(tmp_path, [declared(), declared(split="test")], HF_ENDPOINT=address)
    assert again == TRAIN
    assert unread.startswith(f"{main}@012345678901: not in the cache (HF_HOME), and the hub cannot")


@pytest.mark.slow
def test_a_snapshot_that_was_copied_into_the_cache_is_read(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "datasets--owner--name" / "snapshots" / REVISION
    for name, content in FILES.items():
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_bytes(content)
    train, lines, refused = read_all(
        tmp_path,
        [declared(), declared(configuration="lines"), declared(revision="f" * 40)],
    )
    assert train == TRAIN
    assert lines[0] == ["lines/a.jsonl", 1, "a line"]
    assert [line for _, line, _ in lines] == [1, 2]
    assert "not in the cache (HF_HOME)" in refused


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "0123456789", "F" * 40])
def test_a_dataset_without_a_commit_is_refused(revision: str | None) -> None:
    fields = {} if revision is None else {"revision": revision}
    with pytest.raises(ValidationError, match="revision"):
        source(kind="hub", dataset=DATASET, text="text", **fields)


def test_a_dataset_is_what_its_declaration_pins() -> None:
    digests = {
        source_digest(source(kind="hub", text="text", **declared(**fields)), None)
        for fields in ({}, {"split": "test"}, {"configuration": "b"}, {"revision": "f" * 40})
    }
    assert len(digests) == 4
    one, two = (source(kind="hub", text=name, **declared()) for name in ("text", "body"))
    assert source_digest(one, None) == source_digest(two, None)


def test_a_schema_that_changes_is_found_where_it_changes(tmp_path: Path) -> None:
    """The files before it are read; none is fetched only to be compared."""
    reader = source(kind="hub", text="text", **declared(metadata=["n"])).reader
    assert isinstance(reader, HubReader)
    rows = {"a.parquet": {"text": "x", "n": 1}, "b.parquet": {"text": "y", "n": "2"}}
    for name, row in rows.items():
        (tmp_path / name).write_bytes(parquet(row))
    files = [SourceFile(name, tmp_path / name) for name in (*rows, "c.tar")]
    found = read_hub(reader, files)
    assert next(found).line == 1
    with pytest.raises(DataError, match=r"^b.parquet: n: is string here and int64 in a.parquet"):
        next(found)
    with pytest.raises(DataError, match=r"^c.tar: its format is not read here \(known endings: "):
        next(read_hub(reader, files[2:]))
