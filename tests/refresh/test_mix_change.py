"""How much of a mix is new."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.refresh.mix_change import changed_share


def mix(folder: Path, **tokens: int) -> Path:
    folder.mkdir()
    table = pa.table({"document_id": list(tokens), "packed_tokens": list(tokens.values())})
    pq.write_table(table, folder / "documents.parquet")
    return folder


def test_a_mix_of_the_same_documents_has_not_changed(tmp_path: Path) -> None:
    then, now = mix(tmp_path / "then", a=10, b=30), mix(tmp_path / "now", b=30, a=10)
    assert changed_share(then, now) == 0


def test_the_share_is_of_tokens_not_of_documents(tmp_path: Path) -> None:
    then = mix(tmp_path / "then", a=90, b=10)
    assert changed_share(then, mix(tmp_path / "now", a=90, c=10)) == pytest.approx(0.1)
    assert changed_share(then, mix(tmp_path / "later", c=90, b=10)) == pytest.approx(0.9)


def test_a_document_that_is_repeated_more_often_is_new_by_what_it_has_more(tmp_path: Path) -> None:
    then, now = mix(tmp_path / "then", a=50, b=50), mix(tmp_path / "now", a=75, b=25)
    assert changed_share(then, now) == pytest.approx(0.25)


def test_another_vocabulary_alone_is_no_change(tmp_path: Path) -> None:
    then, now = mix(tmp_path / "then", a=50, b=50), mix(tmp_path / "now", a=60, b=60)
    assert changed_share(then, now) == pytest.approx(0)
