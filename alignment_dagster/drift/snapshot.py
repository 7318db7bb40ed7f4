"""A source as it was at one time: its documents, and what every scorer found in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files

COLUMNS = ("document_id", "characters", "text")


@dataclass(frozen=True)
class Snapshot:
    """One row a document in every table."""

    documents: pa.Table
    rows: int
    """That were read, with every repeat of a document."""
    scores: Mapping[str, pa.Table]
    """Scorer → its columns."""


def read_snapshot(raw: Artifact, scored: Artifact, scorers: Sequence[str]) -> Snapshot:
    """A version of a source from its documents and scores.

    A scorer that the version was not scored with is left out.
    """
    found = {name: shard_files(scored, file_names.scores(name)) for name in scorers}
    documents = read_tables(shard_files(raw, file_names.RAW_DOCUMENTS), COLUMNS)
    repeats = (pq.read_metadata(path).num_rows for path in shard_files(raw, file_names.REPEATS))
    return Snapshot(
        documents,
        documents.num_rows + sum(repeats),
        {name: read_tables(paths) for name, paths in found.items() if paths},
    )
