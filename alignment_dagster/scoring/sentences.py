"""A scorer asked of each sentence of a text, instead of the whole: its columns become lists.

A table of scores stays one row a document, so it is made, kept and taken over like any other.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from alignment_dagster.scoring.classifiers.sentences import find_sentences
from alignment_dagster.scoring.scorer import BATCH, ScoreBatch, Scorer, ScoringContext
from alignment_dagster.study.treatments import sentence_scorer

VERSION = "1"
"""Raised when other sentences are found on purpose."""
START, END = "start", "end"
"""Columns beside the scorer's: where each sentence begins and ends, in bytes of UTF-8."""


def of_sentences(scorer: Scorer) -> Scorer:
    """The scorer that finds sentences, and asks `scorer` about each of them."""

    def bind(context: ScoringContext) -> ScoreBatch:
        ask = scorer.bind(context)
        return lambda texts: _score(texts, ask, scorer)

    return replace(
        scorer,
        name=sentence_scorer(scorer.name),
        version=f"{scorer.version}.{VERSION}",
        columns={
            START: pa.list_(pa.int64()),
            END: pa.list_(pa.int64()),
            **{name: pa.list_(kind) for name, kind in _scored(scorer).items()},
        },
        bind=bind,
    )


def _scored(scorer: Scorer) -> dict[str, pa.DataType]:
    """The columns that are kept; a classifier's own place in a text means nothing in a sentence."""
    return {name: kind for name, kind in scorer.columns.items() if name not in (START, END)}


def _score(texts: Sequence[str], ask: ScoreBatch, scorer: Scorer) -> pa.Table:
    places = [find_sentences(text) for text in texts]
    sentences = [
        text[start:end] for text, own in zip(texts, places, strict=True) for start, end in own
    ]
    columns = pa.schema(list(scorer.columns.items()))
    found = [columns.empty_table()]
    for at in range(0, len(sentences), BATCH):
        found.append(ask(sentences[at : at + BATCH]).cast(columns))
    table = pa.concat_tables(found).combine_chunks()
    bounds = [place for text, own in zip(texts, places, strict=True) for place in _bytes(text, own)]
    offsets = pa.array(np.concatenate([[0], np.cumsum([len(own) for own in places])]), pa.int32())
    values = {
        START: pa.array([start for start, _ in bounds], pa.int64()),
        END: pa.array([end for _, end in bounds], pa.int64()),
        **{name: table[name].combine_chunks() for name in _scored(scorer)},
    }
    return pa.table({name: pa.ListArray.from_arrays(offsets, one) for name, one in values.items()})


def _bytes(text: str, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Places in characters as places in bytes."""
    if text.isascii():
        return list(places)
    found, done, size = [], 0, 0
    for start, end in places:
        begin = size + len(text[done:start].encode())
        size = begin + len(text[start:end].encode())
        found.append((begin, size))
        done = end
    return found
