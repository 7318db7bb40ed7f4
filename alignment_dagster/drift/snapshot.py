"""A source as it was at one time: its documents, and what every scorer found in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names

COLUMNS = ("document_id", "occurrences", "characters", "text")


@dataclass(frozen=True)
class Snapshot:
    """One row a document in every table."""

    documents: pa.Table
    scores: Mapping[str, pa.Table]
    """Scorer → its columns."""


def read_snapshot(raw: Path, scored: Path, scorers: Sequence[str]) -> Snapshot:
    """A version of a source from the folders of its documents and scores.

    A scorer that the version was not scored with is left out.
    """
    found = {name: scored / file_names.scores(name) for name in scorers}
    return Snapshot(
        pq.read_table(raw / file_names.DOCUMENTS, columns=list(COLUMNS)),
        {name: pq.read_table(path) for name, path in found.items() if path.exists()},
    )
