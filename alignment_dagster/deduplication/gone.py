"""New documents that are like one of an earlier version, which is in no source any more."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.deduplication.documents import DistinctDocuments
from alignment_dagster.deduplication.measure import Measure
from alignment_dagster.deduplication.pairs import find_pairs

Found = tuple[list[str], list[str], list[float]]
"""Ids of documents of now, for each that of one that is gone, and how similar they are."""


def find_gone(
    was: Sequence[pa.RecordBatch], now: Sequence[pa.RecordBatch], measure: Measure
) -> Found:
    """For each distinct new document the first that is gone and most like it.

    What was there before, in these words, stays: only its likes were taken out.

    Args:
        was: digests of the earlier versions.
        now: digests of all documents of the same role.
        measure: similarity and threshold.
    """
    ids = pa.chunked_array([one["document_id"] for one in now], pa.string())
    left = [one.filter(pc.invert(pc.is_in(one["document_id"], ids))) for one in was]
    gone = [one for one in left if one.num_rows]
    new = _new(was, now)
    # those that are gone come first: what repeats the words of one takes no part in the search
    documents = DistinctDocuments([*gone, *new])
    before = sum(one.num_rows for one in gone)
    found = find_pairs(documents, measure)
    found = found.of((found.later >= before) & (found.earlier < before))
    rows = [
        *zip(
            documents.ids(found.later).to_pylist(),
            (-found.similarity).tolist(),
            found.earlier.tolist(),
            strict=True,
        ),
        *_same_words(gone, new),
    ]
    best: dict[str, tuple[float, int]] = {}
    for document, unlike, earlier in rows:
        best[document] = min(best.get(document, (unlike, earlier)), (unlike, earlier))
    chosen = sorted(best)
    numbers = np.array([best[one][1] for one in chosen], np.int64)
    causes: list[str] = documents.ids(numbers).to_pylist()
    return chosen, causes, [-best[one][0] for one in chosen]


def _new(was: Sequence[pa.RecordBatch], now: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    ids = pa.chunked_array([one["document_id"] for one in was], pa.string())
    stayed = [one.filter(pc.is_in(one["document_id"], ids))["fingerprint"] for one in now]
    words = pa.chunked_array(stayed, pa.binary(32))
    found = [one.filter(pc.invert(pc.is_in(one["fingerprint"], words))) for one in now]
    return [one for one in found if one.num_rows]


def _same_words(
    gone: Sequence[pa.RecordBatch], now: Sequence[pa.RecordBatch]
) -> list[tuple[str, float, int]]:
    """The first documents of now with the words of one that is gone: similar as can be."""
    firsts: dict[bytes, int] = {}
    prints = (one for batch in gone for one in batch["fingerprint"].to_pylist())
    for number, fingerprint in enumerate(prints):
        firsts.setdefault(fingerprint, number)
    found, known = [], pa.array(firsts, pa.binary(32))
    seen = set[bytes]()
    for batch in now:
        alike = batch.filter(pc.is_in(batch["fingerprint"], known))
        for document, fingerprint in zip(
            alike["document_id"].to_pylist(), alike["fingerprint"].to_pylist(), strict=True
        ):
            if fingerprint not in seen:
                seen.add(fingerprint)
                found.append((document, -1.0, firsts[fingerprint]))
    return found
