"""What a scorer is, what it may look at, and how a table of documents is scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

BATCH = 512
"""Documents scored at a time."""

Progress = Callable[[int, int], None]
"""Told how many documents are done, and how many there are."""

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


def score(
    documents: pa.Table,
    scorer: Scorer,
    context: ScoringContext,
    progress: Progress | None = None,
) -> pa.Table:
    """Score all documents.

    Args:
        documents: has the columns `document_id` and `text`.
        scorer: one of `SCORERS`.
        context: the lexicons and evaluation items.
        progress: called after each batch with the number of documents done and of all.

    Returns:
        `document_id` and the scorer's columns; the same rows in the same order.

    Raises:
        AlignmentError: if what the scorer reads from the context cannot be used.
    """
    function = scorer.bind(context)
    total = documents.num_rows
    batches = []
    for start in range(0, total, BATCH):
        part = documents.slice(start, BATCH)
        scores = function(part["text"].to_pylist())
        batches.append(scores.add_column(0, "document_id", part["document_id"]).cast(scorer.schema))
        if progress:
            progress(min(start + BATCH, total), total)
    return pa.concat_tables(batches).combine_chunks() if batches else scorer.empty_table
