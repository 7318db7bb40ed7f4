"""A source as it was at one time: its documents, and what every scorer found in them.

Neither is ever in memory as a whole: documents are read a row group at a time, scores a column at
a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.drift.sample import COLUMNS, Sample
from alignment_dagster.drift.scripts import count_scripts
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_files


class Scores(Protocol):
    """What a scorer found, a row a document."""

    @property
    def schema(self) -> pa.Schema:
        """`document_id` and the scorer's columns."""

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """A column, piece by piece."""


@dataclass(frozen=True)
class ScoreShards:
    """Scores that lie in shards, of which there is one at least."""

    paths: Sequence[Path]

    @cached_property
    def schema(self) -> pa.Schema:
        return pq.read_schema(self.paths[0])

    def chunks(self, column: str) -> Iterator[pa.Array]:
        for path in self.paths:
            yield from pq.read_table(path, columns=[column])[column].chunks


@dataclass(frozen=True)
class Snapshot:
    """What is known of all documents of a source."""

    documents: int
    characters: int
    rows: int
    """That were read, with every repeat of a document."""
    sample: pa.Table
    """The documents that are read word by word; columns as in `COLUMNS`."""
    scripts: Counter[str]
    """Script → letters."""
    scores: Mapping[str, Scores]
    """Scorer → what it found."""


def read_snapshot(raw: Artifact, scored: Artifact, scorers: Sequence[str]) -> Snapshot:
    """A version of a source from its documents and scores.

    A scorer that the version was not scored with is left out.
    """
    found = {name: shard_files(scored, file_names.scores(name)) for name in scorers}
    repeats = (pq.read_metadata(path).num_rows for path in shard_files(raw, file_names.REPEATS))
    return describe(
        _row_groups(shard_files(raw, file_names.RAW_DOCUMENTS)),
        sum(repeats),
        {name: ScoreShards(paths) for name, paths in found.items() if paths},
    )


def describe(documents: Iterable[pa.Table], repeats: int, scores: Mapping[str, Scores]) -> Snapshot:
    """What is known of documents that come in pieces.

    Args:
        documents: with the columns `COLUMNS`.
        repeats: rows that say what an earlier row says.
        scores: of the same documents.
    """
    count = characters = 0
    sample, scripts = Sample(), Counter[str]()
    for table in documents:
        count += table.num_rows
        characters += pc.sum(table["characters"]).as_py() or 0
        scripts.update(count_scripts(table["text"]))
        sample.add(table)
    return Snapshot(count, characters, count + repeats, sample.documents, scripts, scores)


def _row_groups(paths: Sequence[Path]) -> Iterator[pa.Table]:
    for path in paths:
        file = pq.ParquetFile(path)
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=COLUMNS.names)
