"""The documents that a recipe keeps, as numbers: no text, and no more than 60 bytes each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import DataError

BATCH = 65_536
"""Documents whose ids are texts at a time."""
ID = np.dtype("S32")
"""The bytes of a document's id."""
Numbers = NDArray[np.integer]


@dataclass(frozen=True)
class Codes:
    """A column of few different texts [documents]: numbers into `names`."""

    numbers: Numbers
    names: tuple[str, ...]

    def column(self, rows: Numbers) -> pa.Array:
        """The texts of some rows."""
        return pa.DictionaryArray.from_arrays(
            pa.array(self.numbers[rows]), pa.array(self.names, pa.string())
        )


@dataclass(frozen=True)
class KeptDocuments:
    """Ordered by id; every array has the shape [documents]."""

    ids: NDArray[np.bytes_]
    source: Codes
    group: Codes
    characters: Numbers
    shard: Numbers
    """Which of the corpora's files a document lies in."""
    row: Numbers
    """Of that file."""

    def hex_ids(self, rows: Numbers) -> list[str]:
        """The ids of some rows as tables have them."""
        return hex_ids(self.ids[rows])

    def members(self, group: str) -> Numbers:
        """The rows of a group's documents."""
        if group not in self.group.names:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.group.numbers == self.group.names.index(group))


def read_kept_documents(dispositions: Path, documents: Sequence[Path]) -> KeptDocuments:
    """What a recipe keeps for pretraining, found in the shards of its corpora.

    Raises:
        DataError: if one of them is nowhere.
    """
    wanted = (pc.field("use") == "pretraining") & (pc.field("state") == "kept")
    columns = ["document_id", "source", "group", "characters", "use", "state"]
    file = pq.ParquetFile(dispositions, read_dictionary=["source", "group"])
    rows = file.metadata.num_rows
    ids, characters = np.empty(rows, ID), np.empty(rows, np.int64)
    sources, groups = _Codes(rows), _Codes(rows)
    count = 0
    for batch in file.iter_batches(BATCH, columns=columns):
        kept = batch.filter(wanted)
        part = slice(count, count := count + kept.num_rows)
        ids[part] = as_bytes(kept["document_id"])
        characters[part] = kept["characters"].to_numpy()
        sources.put(part, kept["source"])
        groups.put(part, kept["group"])
    order = np.argsort(ids[:count], kind="stable")
    ids = ids[order]
    shard, row = _locate(ids, documents)
    if (shard < 0).any():
        missing = hex_ids(ids[np.flatnonzero(shard < 0)[:1]])[0]
        raise DataError(f"the document {missing} is kept, but is in none of the corpora")
    return KeptDocuments(
        ids,
        sources.ordered(order),
        groups.ordered(order),
        characters[order],
        shard,
        row,
    )


def read_texts(
    kept: KeptDocuments, rows: Numbers, documents: Sequence[Path]
) -> Iterator[tuple[int, str]]:
    """The texts of some rows, each with its row, in the order in which they lie in the corpora."""
    rows = rows[np.lexsort((kept.row[rows], kept.shard[rows]))]
    starts = np.flatnonzero(np.diff(kept.shard[rows], prepend=-1))
    for part in np.split(rows, starts[1:]) if rows.size else ():
        file = pq.ParquetFile(documents[int(kept.shard[part[0]])])
        places, before = kept.row[part], 0
        for number in range(file.num_row_groups):
            after = before + file.metadata.row_group(number).num_rows
            inside = slice(*np.searchsorted(places, (before, after)))
            if places[inside].size:
                column = file.read_row_group(number, columns=["text"])["text"]
                for row, place in zip(part[inside].tolist(), places[inside].tolist(), strict=True):
                    yield row, column[place - before].as_py()
            before = after


def as_bytes(ids: pa.Array) -> NDArray[np.bytes_]:
    """Hex ids as bytes."""
    return np.frombuffer(bytes.fromhex("".join(ids.to_pylist())), ID)


def hex_ids(ids: NDArray[np.bytes_]) -> list[str]:
    """The reverse of `as_bytes`; numpy's own texts would end at their last byte that is not 0."""
    text = np.ascontiguousarray(ids).tobytes().hex()
    return [text[at : at + 2 * ID.itemsize] for at in range(0, len(text), 2 * ID.itemsize)]


class _Codes:
    """A column of few different texts, read batch by batch."""

    def __init__(self, rows: int) -> None:
        self._names: dict[str, int] = {}
        self._numbers = np.empty(rows, np.int32)

    def put(self, part: slice, column: pa.DictionaryArray) -> None:
        names = column.dictionary.to_pylist()
        codes = [self._names.setdefault(name, len(self._names)) for name in names]
        self._numbers[part] = np.array(codes, np.int32)[column.indices.to_numpy()]

    def ordered(self, order: Numbers) -> Codes:
        return Codes(self._numbers[order], tuple(self._names))


def _locate(ids: NDArray[np.bytes_], documents: Sequence[Path]) -> tuple[Numbers, Numbers]:
    shard = np.full(ids.size, -1, np.int32)
    row = np.zeros(ids.size, np.int32)
    for number, path in enumerate(documents):
        before = 0
        for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["document_id"]):
            found = as_bytes(batch["document_id"])
            places = np.minimum(np.searchsorted(ids, found), max(ids.size - 1, 0))
            known = np.flatnonzero(ids[places] == found) if ids.size else places[:0]
            shard[places[known]] = number
            row[places[known]] = before + known
            before += found.size
    return shard, row
