"""Identical rows are one document that knows its repeats; equal sources give equal bytes."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alignment_dagster.corpus.documents import SCHEMA, deduplicate, write_documents
from alignment_dagster.corpus.sources import read_source, source_digest, source_folder
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.preflight.studies import load_study
from tests.support.checkout import CHECKOUT
from tests.support.sources import read, source, write_rows

DATA = CHECKOUT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no real data in {DATA}")


def test_identical_rows_are_merged_and_remembered(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": text} for text in ("a", "b", "a", "é", "a")])
    table = deduplicate(source(), read(source(), tmp_path))
    assert table.schema.equals(SCHEMA)
    assert table["text"].to_pylist() == ["a", "b", "é"]
    assert table["position"].to_pylist() == [0, 1, 2]
    assert table["occurrences"].to_pylist() == [3, 1, 1]
    assert table["repeated_at"].to_pylist() == [["rows.jsonl:3", "rows.jsonl:5"], [], []]
    assert table["document_id"][1].as_py() == sha256_text("sample", "b")


def test_conversations_are_told_apart_by_their_payload(tmp_path: Path) -> None:
    rows = [{"prompt": "a\nb", "completion": "c"}, {"prompt": "a", "completion": "b\nc"}]
    write_rows(tmp_path, rows)
    table = deduplicate(source("chat"), read(source("chat"), tmp_path))
    assert table["text"].to_pylist() == ["a\nb\nc", "a\nb\nc"]
    assert len(set(table["document_id"].to_pylist())) == 2


def test_an_empty_source_is_an_error(tmp_path: Path) -> None:
    write_rows(tmp_path, [""])
    with pytest.raises(DataError, match=r"source 'sample': rows.jsonl: there are no documents"):
        deduplicate(source(), read_source(source(), tmp_path))


def test_equal_sources_give_equal_bytes(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": text} for text in ("a", "b", "a")])
    paths = [
        write_documents(deduplicate(source(), read(source(), tmp_path)), tmp_path / name)
        for name in ("one", "two")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert pq.read_table(paths[0]).num_rows == 2


def test_the_digest_of_a_source_changes_with_its_bytes_and_names(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": "a"}])
    before = source_digest(source(), tmp_path)
    assert source_digest(source(front_matter="strip"), tmp_path) == before
    write_rows(tmp_path, [{"text": "a"}], "other.jsonl")
    assert source_digest(source(path="other.jsonl"), tmp_path) != before
    write_rows(tmp_path, [{"text": "b"}])
    assert source_digest(source(), tmp_path) != before


def test_the_digest_of_a_generated_source_changes_with_its_seed() -> None:
    digests = {
        source_digest(
            source(kind="generated", generator="everyday_stories", documents=3, seed=seed), None
        )
        for seed in (0, 1)
    }
    assert len(digests) == 2


@needs_data
@pytest.mark.parametrize(
    ("name", "documents", "rows"),
    [
        ("turntrout_posts", 179, 181),
        ("stampy", 294, 294),
        ("model_spec", 69, 69),
        ("t0_instructions", 10420, 10582),
        ("hh_harmless", 2312, 2312),
    ],
)
def test_every_row_of_the_real_data_is_read(name: str, documents: int, rows: int) -> None:
    study = load_study("books", CHECKOUT / "assets")
    declared = study.source(name)
    table = deduplicate(declared, read_source(declared, DATA))
    assert table.num_rows == documents
    assert sum(table["occurrences"].to_pylist()) == rows


@needs_data
def test_sections_of_real_markdown_lose_no_line() -> None:
    declared = load_study("books", CHECKOUT / "assets").source("model_spec")
    found = "\n".join(row.text for row in read_source(declared, DATA))
    text = (DATA / "ai_discourse" / "model_spec.md").read_text()
    assert [line for line in found.splitlines() if line.strip()] == [
        line for line in text.splitlines() if line.strip()
    ]


def test_files_beside_the_declarations_are_those_of_the_study_not_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CHECKOUT / "assets", tmp_path / "assets")
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(CHECKOUT / "assets"))
    study = load_study("nightly", tmp_path / "assets")
    declared = study.source("harbour_log")
    file = tmp_path / "assets/sources/files/harbour_log.jsonl"
    file.write_text('{"id": "a", "text": "Fog."}\n')
    rows = read_source(declared, source_folder(study, declared))
    assert [row.text for row in rows] == ["Fog."]
