"""From raw rows to shards: the distinct documents of a source, their repeats, and what is unusable.

A shard is a bounded number of documents, read, stored and scored as one piece. What was read once
is never written again: of a row that is read a second time, the shard in which that happens
records where it stood.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.corpus.canaries import Document, Planting
from alignment_dagster.corpus.rows import QuarantinedRow, Row, document_id
from alignment_dagster.lineage import file_names
from alignment_dagster.study import Source

DOCUMENTS = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("external_id", pa.string()),
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("payload", pa.string()),
    ]
)
"""One row for each distinct document, in the order of reading."""
REPEATS = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
    ]
)
"""One row for each row whose document had been read before."""
QUARANTINE = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
    ]
)
"""One row for each row that cannot be used."""
METADATA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("number", pa.float64()),
        pa.field("text", pa.string()),
    ]
)
"""One row for each value of a declared column; yes is 1 and no is 0."""

PROMPTS = pa.schema(
    [
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("form", pa.string(), nullable=False),
        pa.field("template", pa.string(), nullable=False),
        pa.field("template_version", pa.string(), nullable=False),
        pa.field("system", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""One row for each prompt, by its digest, that some document of the shard was written from."""

MOST_DOCUMENTS = 32_768
MOST_CHARACTERS = 16 * 2**20
"""A shard is closed with the batch that brings it to either."""
BATCH = 1_024
"""Rows."""
ROW_GROUP = 8_192
ID_BYTES = 16
"""Of a document's 32: by so many it is known again."""


def short_ids(document_ids: Iterable[str]) -> NDArray[np.bytes_]:
    """The first bytes of hex ids [documents], by which they are compared."""
    return np.array([bytes.fromhex(one)[:ID_BYTES] for one in document_ids], dtype=f"S{ID_BYTES}")


class KnownIds:
    """The ids of all documents of a source that were read: 16 bytes of memory each."""

    def __init__(self) -> None:
        self._sorted: NDArray[np.bytes_] = np.empty(0, dtype=f"S{ID_BYTES}")

    def __contains__(self, identity: str) -> bool:
        key = np.bytes_(bytes.fromhex(identity)[:ID_BYTES])
        place = int(np.searchsorted(self._sorted, key))
        return place < self._sorted.size and bool(self._sorted[place] == key)

    def add(self, document_ids: Iterable[str]) -> None:
        """Remember more of them."""
        new = np.sort(short_ids(document_ids))
        self._sorted = np.insert(self._sorted, np.searchsorted(self._sorted, new), new)


@dataclass(frozen=True)
class Shard:
    """A piece of a source: tables of `DOCUMENTS`, `REPEATS`, `QUARANTINE`, `METADATA`, `PROMPTS`.

    `path` is the file of the last row that was read for it, and `rows` how many of that file's
    rows had been read by then; `line` is that row's.
    """

    documents: pa.Table
    repeats: pa.Table
    quarantine: pa.Table
    metadata: pa.Table
    prompts: pa.Table
    path: str
    rows: int
    line: int


@dataclass
class _OpenShard:
    """A shard while it is being read."""

    rows: list[Document] = field(default_factory=list)
    repeats: list[tuple[str, str, int]] = field(default_factory=list)
    quarantine: list[QuarantinedRow] = field(default_factory=list)
    characters: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is to be closed."""
        return len(self.rows) >= MOST_DOCUMENTS or self.characters >= MOST_CHARACTERS

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read for it."""
        return not (self.rows or self.repeats or self.quarantine)

    def add(self, documents: Iterable[Document]) -> None:
        """Take documents that are in no shard yet."""
        for identity, row in documents:
            self.rows.append((identity, row))
            self.characters += len(row.text)


@dataclass
class ShardReader:
    """Cuts a source's rows into shards; it may begin behind shards that were read before.

    `position` is the number of documents before, `rows` how many rows of the file `path` were
    read, the last before, and `line` that one's.
    """

    source: Source
    planting: Planting = field(default_factory=Planting)
    known: KnownIds = field(default_factory=KnownIds)
    position: int = 0
    path: str = ""
    rows: int = 0
    line: int = 0

    def read(self, rows: Iterable[Row]) -> Iterator[Shard]:
        """The shards of the rows that follow; none is empty."""
        rows = iter(rows)
        shard, new = _OpenShard(), set[str]()
        while batch := list(islice(rows, BATCH)):
            for row in batch:
                self._take(row, shard, new)
            if shard.is_full:
                yield self._close(shard)
                shard, new = _OpenShard(), set()
        if self.path:
            # in a shard that ends with the source: it is not taken over when that has grown
            shard.add(self.planting.rest())
        if not shard.is_empty:
            yield self._close(shard)

    def _take(self, row: Row, shard: _OpenShard, new: set[str]) -> None:
        self.rows = self.rows + 1 if row.path == self.path else 1
        self.path, self.line = row.path, row.line
        if isinstance(row, QuarantinedRow):
            shard.quarantine.append(row)
            return
        identity = document_id(self.source.name, row)
        self.planting.refuse(identity, row)
        if identity in new or identity in self.known:
            shard.repeats.append((identity, row.path, row.line))
        else:
            new.add(identity)
            shard.add([(identity, row), *self.planting.behind(identity)])

    def _close(self, shard: _OpenShard) -> Shard:
        ids = [identity for identity, _ in shard.rows]
        rows = [row for _, row in shard.rows]
        documents = pa.table(
            {
                "document_id": ids,
                "source": [self.source.name] * len(ids),
                "position": list(range(self.position, self.position + len(ids))),
                "path": [row.path for row in rows],
                "line": [row.line for row in rows],
                "external_id": [row.external_id for row in rows],
                "characters": [len(row.text) for row in rows],
                "text": [row.text for row in rows],
                "payload": [row.payload for row in rows],
            },
            schema=DOCUMENTS,
        )
        self.known.add(ids)
        self.position += len(ids)
        return Shard(
            documents,
            _table(shard.repeats, REPEATS),
            _table([(q.path, q.line, q.reason, q.sha256) for q in shard.quarantine], QUARANTINE),
            _table(_metadata_rows(shard.rows), METADATA),
            _table(_prompt_rows(shard.rows), PROMPTS),
            self.path,
            self.rows,
            self.line,
        )


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)],
        schema=schema,
    )


def _metadata_rows(
    rows: Sequence[Document],
) -> list[tuple[str, str, float | None, str | None]]:
    return [
        (identity, column, None, value)
        if isinstance(value, str)
        else (identity, column, float(value), None)
        for identity, row in rows
        for column, value in row.metadata.items()
        if value is not None
    ]


def _prompt_rows(rows: Sequence[Document]) -> list[tuple[object, ...]]:
    found = {row.prompt.sha256: row.prompt for _, row in rows if row.prompt is not None}
    return [
        (one.sha256, one.form, one.template, one.version, one.system, one.text)
        for one in found.values()
    ]


def write_shard(shard: Shard, folder: Path, number: int) -> None:
    """Write a shard's tables into `folder`; equal shards give equal bytes.

    Tables without a row are left out, but for the first shard's: each table has a file, and a
    source that is not written has no prompts.
    """
    tables = {
        file_names.RAW_DOCUMENTS: shard.documents,
        file_names.REPEATS: shard.repeats,
        file_names.QUARANTINE: shard.quarantine,
        file_names.METADATA: shard.metadata,
        file_names.PROMPTS: shard.prompts,
    }
    for name, table in tables.items():
        if table.num_rows or (number == 0 and name != file_names.PROMPTS):
            path = folder / file_names.shard(name, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
