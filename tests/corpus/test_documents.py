"""Identical rows are one document, and every row is accounted for."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from alignment_dagster.corpus import documents
from alignment_dagster.corpus.documents import DOCUMENTS, Shard, ShardReader
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.sources import read_source, source_digest, source_folder
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.study import Source
from tests.support.checkout import CHECKOUT
from tests.support.sources import read, source, write_rows

DATA = CHECKOUT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no real data in {DATA}")


def shard(declared: Source, rows: Iterable[RawRow | QuarantinedRow]) -> Shard:
    """The only shard of a small source."""
    (found,) = ShardReader(declared).read(rows)
    return found


def test_identical_rows_are_one_document_whose_repeats_are_listed(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"text": text} for text in ("a", "b", "a", "é", "a")])
    found = shard(source(), read(source(), tmp_path))
    table = found.documents
    assert table.schema.equals(DOCUMENTS)
    assert table["text"].to_pylist() == ["a", "b", "é"]
    assert table["position"].to_pylist() == [0, 1, 2]
    assert table["document_id"][1].as_py() == sha256_text("sample", "b")
    first = table["document_id"][0].as_py()
    assert found.repeats.to_pylist() == [
        {"document_id": first, "path": "rows.jsonl", "line": line} for line in (3, 5)
    ]


def test_conversations_are_told_apart_by_their_payload(tmp_path: Path) -> None:
    rows = [{"prompt": "a\nb", "completion": "c"}, {"prompt": "a", "completion": "b\nc"}]
    write_rows(tmp_path, rows)
    table = shard(source("chat"), read(source("chat"), tmp_path)).documents
    assert table["text"].to_pylist() == ["a\nb\nc", "a\nb\nc"]
    assert len(set(table["document_id"].to_pylist())) == 2


def test_every_row_of_many_shards_is_a_document_a_repeat_or_quarantined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "MOST_DOCUMENTS", 50)
    monkeypatch.setattr(documents, "BATCH", 8)
    rows: list[RawRow | QuarantinedRow] = []
    for number in range(400):
        if number % 7 == 3:
            rows.append(QuarantinedRow("a.jsonl", number, "not JSON", sha256_text(str(number))))
        else:
            rows.append(RawRow(f"text {number % 150}", None, None, "a.jsonl", number))
    shards = list(ShardReader(source()).read(rows))
    tables = [[shard.documents, shard.repeats, shard.quarantine] for shard in shards]
    lines = [line for three in tables for table in three for line in table["line"].to_pylist()]
    assert sorted(lines) == list(range(400))
    ids = [one for shard in shards for one in shard.documents["document_id"].to_pylist()]
    assert len(shards) > 1
    assert len(ids) == len(set(ids)) == 150
    positions = [one for shard in shards for one in shard.documents["position"].to_pylist()]
    assert positions == list(range(150))
    assert {one for three in tables for one in three[1]["document_id"].to_pylist()} <= set(ids)
    assert shards[-1].rows == 400


def test_declared_columns_are_kept_as_numbers_and_texts(tmp_path: Path) -> None:
    row = RawRow("a", None, None, "a", 1, {"year": 1999, "known": True, "lang": "en", "x": None})
    found = shard(source(), [row]).metadata.to_pylist()
    assert [(one["column"], one["number"], one["text"]) for one in found] == [
        ("year", 1999.0, None),
        ("known", 1.0, None),
        ("lang", None, "en"),
    ]


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
        ("t0_instructions", 10140, 10582),
        ("hh_harmless", 2308, 2312),
    ],
)
def test_every_row_of_the_real_data_is_read(name: str, documents: int, rows: int) -> None:
    study = load_study("books", CHECKOUT / "assets")
    declared = study.source(name)
    shards = list(ShardReader(declared).read(read_source(declared, DATA)))
    assert sum(shard.documents.num_rows for shard in shards) == documents
    tables = (t for one in shards for t in (one.documents, one.repeats, one.quarantine))
    assert sum(table.num_rows for table in tables) == rows


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
