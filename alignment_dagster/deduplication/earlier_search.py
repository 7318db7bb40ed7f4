"""What a search found, kept so that the next one compares new documents alone.

It is beside the results and never part of them: a search with it finds what one without it finds.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from alignment_dagster.deduplication.candidates import Flags
from alignment_dagster.deduplication.documents import DistinctDocuments, Numbers
from alignment_dagster.deduplication.pairs import MOST_NEIGHBOURS, Known, Pairs
from alignment_dagster.foundation.atomic_files import atomic_file

DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Parted:
    """Documents with the names of the parts that they come from, in their order."""

    documents: DistinctDocuments
    names: Sequence[str]
    sizes: Sequence[int]
    """Documents of each part."""

    @classmethod
    def of(cls, parts: Sequence[tuple[str, Sequence[pa.RecordBatch]]]) -> "Parted":
        """From the name and the digests of each part."""
        batches = [batch for _, read in parts for batch in read]
        sizes = [sum(batch.num_rows for batch in read) for _, read in parts]
        return cls(DistinctDocuments(batches), [name for name, _ in parts], sizes)

    @property
    def starts(self) -> Numbers:
        """The number of the first document of each part, and how many there are in all."""
        return np.cumsum([0, *self.sizes])


def save_search(path: Path, parted: Parted, pairs: Pairs) -> None:
    """Keep what was found, aside and then in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            names=np.array(parted.names, np.str_),
            sizes=np.array(parted.sizes, np.int64),
            is_first=np.packbits(parted.documents.is_first),
            later=pairs.later,
            earlier=pairs.earlier,
            similarity=pairs.similarity,
        )


def read_search(path: Path, parted: Parted) -> Known | None:
    """What holds of it for these documents; None where there is none, or nothing of it holds.

    Old are the documents of parts that were there, unless a new one has the same words and comes
    first now, or one of their neighbours is gone and others were not listed.
    """
    try:
        with np.load(path) as file:
            saved = {name: file[name] for name in file.files}
        names, sizes = saved["names"].tolist(), saved["sizes"]
        was_first = np.unpackbits(saved["is_first"], count=int(sizes.sum())).astype(bool)
        pairs = Pairs(saved["later"], saved["earlier"], saved["similarity"])
    except DAMAGED:
        return None
    return _known(parted, names, np.cumsum([0, *sizes]), was_first, pairs)


def _known(
    parted: Parted, names: list[str], starts: Numbers, was_first: Flags, pairs: Pairs
) -> Known | None:
    now = dict(zip(parted.names, parted.starts.tolist(), strict=False))
    places = [now.get(name) for name in names]
    kept = [place for place in places if place is not None]
    if not kept or kept != sorted(kept) or len(set(names)) < len(names):
        return None
    moved = np.full(len(was_first), -1)
    for place, start, end in zip(places, starts[:-1], starts[1:], strict=True):
        if place is not None:
            moved[start:end] = np.arange(place, place + end - start)
    is_first = parted.documents.is_first
    stays = was_first & (moved >= 0)
    stays[stays] = is_first[moved[stays]]
    listed, counts = np.unique(pairs.later, return_counts=True)
    lost = pairs.later[~stays[pairs.earlier]]
    stays[np.intersect1d(listed[counts >= MOST_NEIGHBOURS], lost)] = False
    still = pairs.of(stays[pairs.later] & stays[pairs.earlier])
    is_old = np.zeros(len(is_first), bool)
    is_old[moved[stays]] = True
    return Known(is_old, Pairs(moved[still.later], moved[still.earlier], still.similarity))
