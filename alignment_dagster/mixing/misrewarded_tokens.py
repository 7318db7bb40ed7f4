"""Whether the tokens of a mix have the rewards that their documents' scores say."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers, as_bytes
from alignment_dagster.mixing.rewards import Rewards
from alignment_dagster.study.treatments import Treated

Floats = NDArray[np.float32]


def find_misrewarded(
    folder: Path, rewards: Rewards, kept: KeptDocuments, token_bytes: Numbers
) -> str | None:
    """Hold `rewards.npy` against the scores that it was made from.

    Where sentences are rewarded a copy with hidden tokens is not looked at: of the placeholder
    nobody knows how many bytes it stands for.

    Args:
        token_bytes: of each entry of the vocabulary.

    Returns:
        None where every token has the reward of its document or sentence; or the first that has
        another.
    """
    found = np.load(folder / file_names.REWARDS, mmap_mode="r", allow_pickle=False)
    ids = as_bytes(pq.read_table(folder / file_names.DOCUMENTS)["document_id"])
    rows = np.searchsorted(kept.ids, ids)
    check = _Check(found, kept, rows)
    if rewards.sentences is None:
        return _find_in_documents(folder, rewards, check)
    return _find_in_sentences(folder, rewards, check, token_bytes)


class _Check:
    """The rewards as they lie there [sequences, length], and whose they are."""

    def __init__(self, found: Floats, kept: KeptDocuments, rows: Numbers) -> None:
        self.found, self._kept, self.rows = found.reshape(-1), kept, rows
        self.length = found.shape[1]

    def compare(self, places: Numbers, documents: Numbers, expected: Floats) -> str | None:
        """The first of some tokens with another reward than is expected.

        Args:
            places: where they lie, counted through all sequences [tokens].
            documents: rows of the mix's own table.
        """
        wrong = np.flatnonzero(self.found[places] != expected)
        if not wrong.size:
            return None
        first = int(wrong[0])
        sequence, token = divmod(int(places[first]), self.length)
        (document,) = self._kept.hex_ids(self.rows[documents[first : first + 1]])
        return (
            f"token {token} of sequence {sequence}, of document {document}, has the reward "
            f"{self.found[places[first]]:g}, and its score says {expected[first]:g}"
        )


def _find_in_documents(folder: Path, rewards: Rewards, check: _Check) -> str | None:
    for batch in pq.ParquetFile(folder / file_names.SPANS).iter_batches():
        spans = {name: batch[name].to_numpy().astype(np.int64) for name in batch.schema.names}
        documents = np.repeat(spans["document"], spans["end"] - spans["start"])
        begin = int(spans["sequence"][0]) * check.length + int(spans["start"][0])
        # Spans cover the sequences from the first to the last token.
        places = np.arange(begin, begin + documents.size)
        problem = check.compare(places, documents, rewards.values[check.rows[documents]])
        if problem is not None:
            return problem
    return None


def _find_in_sentences(
    folder: Path, rewards: Rewards, check: _Check, token_bytes: Numbers
) -> str | None:
    order = [("document", "ascending"), ("copy", "ascending"), ("document_start", "ascending")]
    spans = pq.read_table(folder / file_names.SPANS).sort_by(order).to_pylist()
    tokens = np.load(folder / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False).reshape(-1)
    codes = np.load(folder / file_names.TREATMENTS, mmap_mode="r", allow_pickle=False).reshape(-1)
    for (document, _), copy in groupby(spans, lambda one: (one["document"], one["copy"])):
        places = _places(copy, check.length)
        kinds = codes[places]
        if (kinds == Treated.HIDDEN).any():
            continue
        text = np.flatnonzero(kinds != Treated.TAG)
        # A tag has the reward of what it stands before; the budget may cut a copy behind one.
        own = np.searchsorted(text, np.arange(places.size))
        places, own = places[own < text.size], own[own < text.size]
        ends = np.cumsum(token_bytes[tokens[places[text]]])
        expected = rewards.spread(int(check.rows[document]), ends)[own]
        problem = check.compare(places, np.full(places.size, document), expected)
        if problem is not None:
            return problem
    return None


def _places(copy: Iterable[dict[str, Any]], length: int) -> Numbers:
    return np.concatenate(
        [np.arange(one["start"], one["end"]) + one["sequence"] * length for one in copy]
    )
