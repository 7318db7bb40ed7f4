"""Several processes write the digests that one does."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.deduplication.digest_tasks import digest_parts
from alignment_dagster.deduplication.digests import Part, parts_of
from alignment_dagster.engines import tasks
from alignment_dagster.engines.local import WORKERS_VARIABLE


@pytest.fixture(autouse=True)
def _several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "WORTH_PROCESSES", 0)
    monkeypatch.setenv(WORKERS_VARIABLE, "2")


def parts(folder: Path) -> list[Part]:
    texts = [f"the {number} lamps of Łódź" for number in range(12)]
    path = folder / "documents.parquet"
    pq.write_table(
        pa.table({"document_id": list("abcdefghijkl"), "text": texts}), path, row_group_size=3
    )
    return parts_of(path, "digest")


def test_the_number_of_processes_changes_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    several = digest_parts(
        parts(tmp_path), 2, tmp_path / "several", progress=lambda *done: told.append(done)
    )
    monkeypatch.setenv(WORKERS_VARIABLE, "1")
    one = digest_parts(parts(tmp_path), 2, tmp_path / "one")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in several]
    assert [path.name for path in one] == [path.name for path in several]
    assert told == [(0, 12), (3, 12), (6, 12), (9, 12), (12, 12)]


def test_what_was_done_before_a_part_failed_stays(tmp_path: Path) -> None:
    found, cache = parts(tmp_path), tmp_path / "cache"
    digest_parts(found[:1], 2, cache)
    made = (cache / found[0].name(2)).stat().st_mtime_ns
    found[2].path.write_bytes(b"no Parquet")
    with pytest.raises(pa.ArrowInvalid):
        digest_parts(found, 2, cache)
    assert (cache / found[0].name(2)).stat().st_mtime_ns == made
    assert [path.suffix for path in cache.iterdir()] == [".arrow"]
