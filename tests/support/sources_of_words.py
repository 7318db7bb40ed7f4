"""Versions of a source made of given texts, scored by the real scorers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from alignment_dagster.corpus.documents import DOCUMENTS
from alignment_dagster.drift import Snapshot
from alignment_dagster.drift.snapshot import describe
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.scoring import SCORERS, ScoringContext, score
from tests.support.checkout import CHECKOUT

CONTEXT = ScoringContext(assets=Path(CHECKOUT) / "assets")
PIECE = 7
"""Documents that come at a time."""
NAMES = ("text_stats", "fingerprint", "ai_discourse")


def snapshot(texts: Sequence[str], occurrences: Sequence[int] | None = None) -> Snapshot:
    """A source with these documents; each was read once unless it is said otherwise."""
    documents = pa.table(
        {
            "document_id": [sha256_text("source", text) for text in texts],
            "characters": pa.array([len(text) for text in texts], pa.int64()),
            "text": pa.array(texts, pa.string()),
        },
        schema=pa.schema([DOCUMENTS.field(name) for name in ("document_id", "characters", "text")]),
    )
    scores = {name: TableOfScores(score(documents, SCORERS[name], CONTEXT).table) for name in NAMES}
    repeats = sum(occurrences or [1] * len(texts)) - len(texts)
    return describe(
        [documents.slice(at, PIECE) for at in range(0, len(texts), PIECE)], repeats, scores
    )


@dataclass(frozen=True)
class TableOfScores:
    """Scores in memory, in pieces."""

    table: pa.Table

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    def chunks(self, column: str) -> Iterator[pa.Array]:
        values = self.table[column].combine_chunks()
        return (values.slice(at, PIECE) for at in range(0, len(values), PIECE))
