"""The scores of the documents that a recipe keeps and of their sentences, and what their sources
brought along.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers, as_bytes
from alignment_dagster.study.conditions import METADATA, Comparison, Condition
from alignment_dagster.study.treatments import sentence_scorer

Column = tuple[str, str]
"""A scorer (or `metadata`) and one of its columns."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ScoreFiles:
    """Where scores lie: shards, those of each scorer in the order of the corpora's."""

    scores: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    metadata: Sequence[Path] = ()


@dataclass(frozen=True)
class Scores:
    """A column's value of each document or sentence [n]: a number, or a text, or nothing."""

    numbers: NDArray[np.float64]
    """NaN where there is none."""
    texts: NDArray[np.object_]
    """None where there is none."""

    @classmethod
    def nothing(cls, size: int) -> "Scores":
        return cls(np.full(size, np.nan), np.full(size, None, object))

    @property
    def missing(self) -> Flags:
        return np.isnan(self.numbers) & ~self._has_text()

    def _has_text(self) -> Flags:
        return np.fromiter((text is not None for text in self.texts), bool, self.texts.size)

    def put(self, documents: Numbers, values: pa.Array) -> None:
        """Enter what some of them have."""
        if pa.types.is_string(values.type):
            self.texts[documents] = values.to_pylist()
        else:
            numbers = pc.cast(values, pa.float64())
            self.numbers[documents] = numbers.to_numpy(zero_copy_only=False)

    def meet(self, one: Comparison) -> Flags:
        """Of which of them a comparison holds, as `Comparison.holds` says of one."""
        if one.operator == "one_of":
            inside: Flags = np.isin(self.texts.astype(str), one.texts) != one.negated
            return self._has_text() & inside
        bound = np.nan if one.bound is None else one.bound
        beyond = self.numbers > bound if one.operator == "above" else self.numbers < bound
        held: Flags = ~np.isnan(self.numbers) & (beyond != one.negated)
        return held


def read_scores(
    kept: KeptDocuments, files: ScoreFiles, columns: Iterable[Column]
) -> dict[Column, Scores]:
    """What each kept document has in each of the columns."""
    found = {}
    for scorer, column in columns:
        scores = Scores.nothing(kept.ids.size)
        parts = (
            _read_metadata(kept, files.metadata, column)
            if scorer == METADATA
            else _read_column(kept, files.scores[scorer], column)
        )
        for documents, values in parts:
            scores.put(documents, values)
        found[scorer, column] = scores
    return found


def _read_column(
    kept: KeptDocuments, shards: Sequence[Path], column: str
) -> Iterable[tuple[Numbers, pa.Array]]:
    """The rows of a shard of scores are those of the shard of documents."""
    for number, path in enumerate(shards):
        documents = np.flatnonzero(kept.shard == number)
        if documents.size:
            values = pq.read_table(path, columns=[column])[column]
            yield documents, values.take(pa.array(kept.row[documents])).combine_chunks()


def _read_metadata(
    kept: KeptDocuments, shards: Sequence[Path], column: str
) -> Iterable[tuple[Numbers, pa.Array]]:
    for path in shards if kept.ids.size else ():
        table: Any = pq.read_table(path, filters=pc.field("column") == column)
        ids = as_bytes(table["document_id"])
        places = np.minimum(np.searchsorted(kept.ids, ids), kept.ids.size - 1)
        for name in ("number", "text"):
            there = table[name].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
            known = np.flatnonzero((kept.ids[places] == ids) & there)
            yield places[known], table[name].take(pa.array(known)).combine_chunks()


@dataclass(frozen=True)
class Sentences:
    """The sentences of all kept documents, one document's after the other's [sentences]."""

    owner: Numbers
    """Which document it is of."""
    number: Numbers
    """Its place in the document, from 0."""
    start: Numbers
    """In bytes of UTF-8."""
    end: Numbers
    scores: Mapping[Column, Scores]


def read_sentences(kept: KeptDocuments, files: ScoreFiles, columns: Sequence[Column]) -> Sentences:
    """The sentences that the scorers of these columns found, and their values."""
    by_scorer: dict[str, list[str]] = {}
    for scorer, column in columns:
        by_scorer.setdefault(scorer, []).append(column)
    lists = {
        scorer: _read_lists(kept, files.scores[sentence_scorer(scorer)], names)
        for scorer, names in by_scorer.items()
    }
    first = next(iter(lists.values()))
    counts = pc.list_value_length(first["start"]).to_numpy(zero_copy_only=False).astype(np.int64)
    owner = np.repeat(np.arange(kept.ids.size), counts)
    scores = {}
    for scorer, column in columns:
        scores[scorer, column] = Scores.nothing(owner.size)
        scores[scorer, column].put(np.arange(owner.size), lists[scorer][column].flatten())
    return Sentences(
        owner,
        np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts),
        first["start"].flatten().to_numpy(),
        first["end"].flatten().to_numpy(),
        scores,
    )


def _read_lists(
    kept: KeptDocuments, shards: Sequence[Path], columns: Sequence[str]
) -> dict[str, pa.Array]:
    """Columns of lists, one list a kept document, in their order."""
    names = list(dict.fromkeys(["start", "end", *columns]))
    order: list[Numbers] = []
    tables: list[pa.Table] = []
    for number, path in enumerate(shards):
        documents = np.flatnonzero(kept.shard == number)
        if documents.size or not tables:
            rows = pa.array(kept.row[documents])
            tables.append(pq.read_table(path, columns=names).take(rows))
            order.append(documents)
    table = pa.concat_tables(tables).take(pa.array(np.argsort(np.concatenate(order))))
    return {name: table[name].combine_chunks() for name in names}


def hold(condition: Condition, scores: Mapping[Column, Scores], size: int) -> Flags:
    """Of which documents or sentences a condition holds [n]."""
    held = np.zeros(size, bool)
    for clause in condition.clauses():
        every = np.ones(size, bool)
        for one in clause:
            every &= scores[one.scorer, one.column].meet(one)
        held |= every
    return held
