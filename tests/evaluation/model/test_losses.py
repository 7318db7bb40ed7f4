"""Held-out documents are a sample that does not depend on the order in which they lie."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.evaluation.model.losses import read_held_out_documents


def test_of_each_corpus_the_held_out_documents_with_the_smallest_ids_are_read(
    tmp_path: Path,
) -> None:
    ids = ["b3", "a9", "b1", "a2", "a5"]
    held_out = {"document_id": ids, "held_out": [True, True, True, True, False]}
    pq.write_table(pa.table(held_out), tmp_path / "documents.parquet")
    corpora = []
    for corpus in "ab":
        own = [each for each in ids if each.startswith(corpus)]
        texts = {"document_id": own, "source": [corpus] * len(own), "text": [f"*{i}" for i in own]}
        shards = [tmp_path / f"{corpus}{number}.parquet" for number in range(2)]
        pq.write_table(pa.table(texts).slice(0, 1), shards[0])
        pq.write_table(pa.table(texts).slice(1), shards[1])
        corpora.append(shards)

    def read(limit: int) -> list[tuple[str, str, str]]:
        found = read_held_out_documents(tmp_path / "documents.parquet", corpora, limit)
        return [(each.document_id, each.source, each.text) for each in found]

    every = [("a2", "a", "*a2"), ("a9", "a", "*a9"), ("b1", "b", "*b1"), ("b3", "b", "*b3")]
    assert read(9) == every
    assert read(1) == [every[0], every[2]]
    assert read(0) == []
