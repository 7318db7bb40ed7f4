"""What a scorer is, what it may look at, and how a table of documents is scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from alignment_dagster.foundation.visible_text import cut, visible

BATCH = 512
"""Documents scored at a time."""

NUMBERS = (pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
"""The types of columns that rules hold against bounds; other columns are there to be looked at."""
LONGEST_REASON = 300
"""Characters of what a scorer said when it failed."""

FAILURES = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("scorer", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""One row for each document that a scorer could not score."""

ScoreBatch = Callable[[list[str]], pa.Table]
"""Texts → one row for each text, in their order."""


class EvaluationItem(Protocol):
    """What scorers read of an evaluation item."""

    @property
    def item_id(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def options(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ScoringContext:
    """What scorers may look at besides the text: the lexicons' folder and the study's items."""

    assets: Path
    items: Sequence[EvaluationItem] = field(default_factory=tuple)


@dataclass(frozen=True)
class Scorer:
    """A named scorer.

    `bind` prepares it once for all batches of a source; `read_digest` gives a hex digest of all
    that it reads from the context (empty where it reads nothing).
    """

    name: str
    version: str
    """Raised when it finds something else on purpose: its columns alone are made again."""
    columns: Mapping[str, pa.DataType]
    bind: Callable[[ScoringContext], ScoreBatch]
    read_digest: Callable[[ScoringContext], str]

    def inputs(self, context: ScoringContext) -> str:
        """All that decides its columns besides the texts: `version:digest of what it reads`."""
        return f"{self.version}:{self.read_digest(context)}"

    @property
    def schema(self) -> pa.Schema:
        """`document_id` and the scorer's columns."""
        return pa.schema([("document_id", pa.string()), *self.columns.items()])

    @property
    def empty_table(self) -> pa.Table:
        """The scores of no document."""
        return self.schema.empty_table()


def no_inputs(_context: ScoringContext) -> str:
    """For scorers that look at nothing but the text."""
    return ""


@dataclass(frozen=True)
class Scored:
    """What a scorer found in documents, and where it failed."""

    table: pa.Table
    """`document_id` and the scorer's columns: one row a document, null where it failed."""
    failures: pa.Table
    """Of the schema `FAILURES`; a document that is named here is to be quarantined."""


def score(
    documents: pa.Table,
    scorer: Scorer,
    context: ScoringContext,
) -> Scored:
    """Score all documents; one on which the scorer fails does not stop the others.

    Args:
        documents: has the columns `document_id` and `text`.
        scorer: one that `find_scorer` gives.
        context: the lexicons and evaluation items.

    Returns:
        The same rows in the same order.

    Raises:
        AlignmentError: if what the scorer reads from the context cannot be used.
    """
    function = scorer.bind(context)
    tables, failures = [scorer.empty_table], []
    for start in range(0, documents.num_rows, BATCH):
        part = documents.slice(start, BATCH)
        found, reasons = _score_batch(function, scorer, part["text"].to_pylist())
        ids = part["document_id"]
        tables.append(found.add_column(0, "document_id", ids).cast(scorer.schema))
        failures += [
            {"document_id": ids[row].as_py(), "scorer": scorer.name, "reason": reason}
            for row, reason in reasons.items()
        ]
    table = pa.concat_tables(tables).combine_chunks()
    return Scored(table, pa.Table.from_pylist(failures, schema=FAILURES))


def _score_batch(
    function: ScoreBatch, scorer: Scorer, texts: list[str]
) -> tuple[pa.Table, dict[int, str]]:
    """The scores, and row → why there are none; a batch that fails is asked text by text."""
    columns = pa.schema(list(scorer.columns.items()))
    try:
        found = function(texts).cast(columns)
        if found.num_rows != len(texts):
            raise ValueError(f"{found.num_rows} rows for {len(texts)} texts")
        return found, {}
    except Exception as error:
        if len(texts) == 1:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            reason = cut(visible(said), LONGEST_REASON)
            return pa.Table.from_pylist([{}], schema=columns), {0: reason}
    alone = [_score_batch(function, scorer, [text]) for text in texts]
    reasons = {row: reason for row, (_, failed) in enumerate(alone) for reason in failed.values()}
    return pa.concat_tables([found for found, _ in alone]), reasons
