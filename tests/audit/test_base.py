"""What was trained elsewhere is where the audit's walk ends, by the digest that was recorded."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.impact.untrained_uses import find_tokenizer_uses, load_known
from alignment_dagster.audit.trace.parquet import connect_memory
from alignment_dagster.audit.trace.selection import count_tokenizer_documents
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.base import recorded_base
from alignment_dagster.lineage.provenance import BASE
from tests.support.record_lake import STUDY, make, publish

DECLARED = {"base": {"path": None, "hub": "owner/name", "revision": "0123456789" * 4}}
DIGEST = "d" * 64


def test_the_record_names_the_checkpoint_and_its_bytes(tmp_path: Path) -> None:
    lake = make(tmp_path)
    asset = ("pretrained_checkpoint", "plain|0")
    base = recorded_base(publish(lake, *asset, declared=DECLARED, external_inputs={BASE: DIGEST}))
    assert base is not None
    assert (base.place, base.digest) == ("hub:owner/name@012345678901", DIGEST)
    assert recorded_base(publish(lake, *asset)) is None
    with pytest.raises(ArtifactError, match="its base is not recorded"):
        recorded_base(publish(lake, *asset, declared=DECLARED))


def test_a_vocabulary_that_was_copied_was_trained_on_no_document(tmp_path: Path) -> None:
    lake = make(tmp_path)
    read = {BASE: DIGEST}
    copied = publish(lake, "tokenizer", None, declared=DECLARED, external_inputs=read)
    row = {"document_id": "a", "fingerprint": "f", "role": "corpus", "held_out": False}
    table = pa.Table.from_pylist([{**row, "item_id": None, "duplicate_of": None}])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    files = {"documents.parquet": bytes(sink.getvalue())}
    documents = publish(lake, "documents", None, files)
    archive = Archive(lake, STUDY)
    with connect_memory() as connection:
        assert count_tokenizer_documents(connection, archive, [copied]) == []
        connection.execute("create temp table withdrawn as select 'a' as document_id")
        load_known(connection, archive, documents)
        assert find_tokenizer_uses(connection, archive) == []
