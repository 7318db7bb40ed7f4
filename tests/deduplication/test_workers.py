"""Several processes write the digests that one does."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.deduplication import workers
from alignment_dagster.deduplication.digests import Part, parts_of
from alignment_dagster.foundation.errors import AlignmentError


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
    monkeypatch.setattr(workers, "WORTH_WORKERS", 0)
    told: list[tuple[int, int]] = []
    one = workers.digest_parts(parts(tmp_path), 2, tmp_path / "one", 1)
    several = workers.digest_parts(
        parts(tmp_path), 2, tmp_path / "several", 3, lambda *done: told.append(done)
    )
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in several]
    assert [path.name for path in one] == [path.name for path in several]
    assert told == [(0, 12), (3, 12), (6, 12), (9, 12), (12, 12)]


def test_a_process_that_ends_is_one_message_and_what_was_done_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "WORTH_WORKERS", 0)
    found, cache = parts(tmp_path), tmp_path / "cache"
    workers.digest_parts(found[:1], 2, cache, 1)
    made = (cache / found[0].name(2)).stat().st_mtime_ns
    found[2].path.write_bytes(b"no Parquet")
    with pytest.raises(AlignmentError, match=r"documents\.parquet: .* ended; run it again"):
        workers.digest_parts(found, 2, cache, 2)
    assert (cache / found[0].name(2)).stat().st_mtime_ns == made
    assert [path.suffix for path in cache.iterdir()] == [".arrow"]
