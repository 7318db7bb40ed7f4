"""Tables that lie in an artifact as shards: `documents/00000.parquet`, `documents/00001.parquet`, …

`raw_corpus` has its documents, repeats and quarantined rows so, and `scored_corpus` each scorer's
columns.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study.treatments import SENTENCE


def shard_names(manifest: Manifest, table: str) -> list[str]:
    """The files of a table, in the order of its shards."""
    return sorted(name for name in manifest.files if name.rpartition("/")[0] == table)


def shard_files(artifact: Artifact, table: str) -> list[Path]:
    """Where a table's shards lie, in order."""
    return [artifact.path / name for name in shard_names(artifact.manifest, table)]


def shard_paths(artifacts: Iterable[Artifact], table: str) -> list[str]:
    """The same of several artifacts, as DuckDB is told of them."""
    return [str(path) for artifact in artifacts for path in shard_files(artifact, table)]


def read_tables(paths: Iterable[Path], columns: Sequence[str] | None = None) -> pa.Table:
    """Shards as one table."""
    names = None if columns is None else list(columns)
    return pa.concat_tables([pq.read_table(path, columns=names) for path in paths])


def scorer_tables(manifest: Manifest) -> list[str]:
    """The tables of a `scored_corpus` that hold scorers' columns, a value a document."""
    return [name for name in score_tables(manifest) if not name.endswith(SENTENCE)]


def score_tables(manifest: Manifest) -> list[str]:
    """All its tables of scores, those of sentences too."""
    found = {name.rpartition("/")[0] for name in manifest.files if "/" in name}
    return sorted(found - {file_names.FAILURES})
