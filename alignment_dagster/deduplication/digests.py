"""The shingles of documents in files: made once for each part of a corpus, and mapped into memory.

A file is Arrow IPC with the columns `document_id`, `fingerprint` (32 bytes) and `shingles`
(ascending), a row a document, in the order of the part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.deduplication.shingles import VERSION, Shingles, shingle
from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import sha256_json

SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("fingerprint", pa.binary(32), nullable=False),
        pa.field("shingles", pa.large_list(pa.uint64()), nullable=False),
    ]
)
ROWS_READ = 64
MOST_DOCUMENTS, MOST_CHARACTERS = 512, 4_000_000
"""Of a batch: what memory grows with."""


@dataclass(frozen=True)
class Part:
    """A row group of a Parquet file with the columns `document_id` and `text`."""

    path: Path
    row_group: int
    digest: str
    """Hex SHA-256 of the file."""
    documents: int

    def name(self, size: int) -> str:
        """The name of its digests: of the same text and settings always the same."""
        return f"{sha256_json([VERSION, size, self.digest, self.row_group])[:32]}.arrow"


def parts_of(path: Path, digest: str) -> list[Part]:
    """The parts of a Parquet file, in their order."""
    read = pq.read_metadata(path)
    return [
        Part(path, group, digest, read.row_group(group).num_rows)
        for group in range(read.num_row_groups)
    ]


def write_digests(part: Part, size: int, folder: Path) -> Path:
    """Write the digests of a part, shingles of `size` words, aside and then into place."""
    path = folder / part.name(size)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with (
        atomic_file(path) as aside,
        pa.OSFile(str(aside), "wb") as file,
        pa.ipc.new_file(file, SCHEMA) as writer,
    ):
        for ids, texts in _batches(part):
            writer.write_batch(_as_batch(ids, shingle(texts, size)))
    return path


def read_digests(path: Path) -> list[pa.RecordBatch]:
    """The batches of a file of digests; nothing is read before it is used."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


def _batches(part: Part) -> Iterator[tuple[list[str], list[str]]]:
    file = pq.ParquetFile(part.path, pre_buffer=False)
    ids: list[str] = []
    texts: list[str] = []
    characters = 0
    for rows in file.iter_batches(ROWS_READ, [part.row_group], ["document_id", "text"]):
        ids += rows["document_id"].to_pylist()
        texts += (read := rows["text"].to_pylist())
        characters += sum(map(len, read))
        if len(ids) >= MOST_DOCUMENTS or characters >= MOST_CHARACTERS:
            yield ids, texts
            ids, texts, characters = [], [], 0
    if ids:
        yield ids, texts


def _as_batch(ids: list[str], found: Shingles) -> pa.RecordBatch:
    lists = pa.LargeListArray.from_arrays(pa.array(found.offsets), pa.array(found.values))
    return pa.record_batch(
        [pa.array(ids), pa.array(found.fingerprints, pa.binary(32)), lists], schema=SCHEMA
    )
