"""Scoring one shard with one scorer: the unit of resuming and of distributing."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.scoring import Scorer, ScoringContext, find_scorer, score_new
from alignment_dagster.scoring.classifiers.trained import load_scorer
from alignment_dagster.scoring.sentences import of_sentences
from alignment_dagster.study.treatments import SENTENCE


@dataclass(frozen=True)
class ShardTask:
    """A shard's documents, a scorer, and where its columns and failures go.

    `earlier` are files of the same scorer's columns, made with the same context, that may hold
    some of the documents: those are not asked again.
    """

    documents: Path
    scorer: str
    classifier: Path | None
    """Where the scorer is a trained one, its files."""
    context: ScoringContext
    earlier: tuple[Path, ...]
    output: Path
    failures: Path


@dataclass(frozen=True)
class ScoredShard:
    """Of a shard and a scorer: how many documents there are, and how many were looked at."""

    scorer: str
    name: str
    """Of the file with its columns: folder and file."""
    documents: int
    scored: int


def _find(task: ShardTask) -> Scorer:
    if task.classifier is None:
        return find_scorer(task.scorer, task.context.assets)
    trained = load_scorer(task.classifier)
    return of_sentences(trained) if task.scorer.endswith(SENTENCE) else trained


def score_shard(task: ShardTask) -> ScoredShard:
    """Write a scorer's columns for a shard; each file is there whole or not at all.

    Raises:
        AlignmentError: if what the scorer reads from the context cannot be used.
    """
    documents = pq.read_table(task.documents, columns=["document_id", "text"])
    ids = documents["document_id"]
    scorer = _find(task)
    wanted = pc.field("document_id").isin(ids.combine_chunks())
    known = pa.concat_tables(
        [scorer.empty_table, *(pq.read_table(path, filters=wanted) for path in task.earlier)]
    )
    found = score_new(documents, scorer, task.context, known)
    # The failures first: where there are scores, they are whole.
    for path, table in ((task.failures, found.failures), (task.output, found.table)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as aside:
            pq.write_table(table, aside)
    scored = documents.num_rows - known.num_rows
    return ScoredShard(task.scorer, "/".join(task.output.parts[-2:]), documents.num_rows, scored)
