"""Packing: documents end to end into sequences of equal length, with a map of which lies where.

All is written as they are made: nothing is ever in memory as a whole.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.kept_documents import Numbers
from alignment_dagster.mixing.layers import Layer, Packable
from alignment_dagster.mixing.sampling import Copies

SPANS = pa.schema(
    [
        ("sequence", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("document", pa.int32()),
        ("document_start", pa.int32()),
        ("copy", pa.int32()),
    ]
)
CHUNK = 2**18
"""Copies that are written at a time."""


@dataclass(frozen=True)
class PackedDocuments:
    """What was packed, one row a document [documents], in the order of their ids."""

    rows: Numbers
    """Of the kept documents."""
    copies: Numbers
    """How many were begun."""
    tokens: Numbers
    """Of all copies."""
    begun: Numbers
    """Of the kept documents, the row of each copy [copies]."""
    sizes: Numbers
    """Tokens of each copy [copies]; of the last one perhaps not all."""


def pack(
    encoded: Packable, copies: Copies, count: int, length: int, folder: Path
) -> PackedDocuments:
    """Lay the copies end to end and cut them into `count` sequences of `length` tokens.

    Writes each layer [sequences, length], and `spans.parquet` (`SPANS`), in order of sequence and
    start, whose `document` is a row of what is returned. A document may run on in the next
    sequence; what lies behind the last sequence is left out.

    Raises:
        DataError: if the copies are too few to fill the sequences.
    """
    total = count * length
    lengths = encoded.lengths[copies.documents]
    ends = np.cumsum(lengths)
    if not ends.size or ends[-1] < total:
        filled = int(ends[-1]) if ends.size else 0
        raise DataError(f"the sampled documents fill {filled:,} of {total:,} tokens")
    used = int(np.searchsorted(ends, total)) + 1
    documents, numbers = copies.documents[:used], copies.numbers[:used]
    starts, ends = ends[:used] - lengths[:used], np.minimum(ends[:used], total)
    rows, inverse = np.unique(documents, return_inverse=True)
    packed = PackedDocuments(
        rows,
        np.zeros(rows.size, np.int64),
        np.zeros(rows.size, np.int64),
        documents,
        ends - starts,
    )
    np.maximum.at(packed.copies, inverse, numbers.astype(np.int64) + 1)
    np.add.at(packed.tokens, inverse, ends - starts)
    _write_layers(encoded.layers, packed, (count, length), folder)
    with pq.ParquetWriter(folder / file_names.SPANS, SPANS) as writer:
        for part in _chunks(used):
            spans = _spans(starts[part], ends[part], inverse[part], numbers[part], length)
            writer.write_table(spans)
    return packed


def _write_layers(
    layers: Mapping[str, Layer], packed: PackedDocuments, shape: tuple[int, int], folder: Path
) -> None:
    with ExitStack() as stack:
        files = []
        for name, layer in layers.items():
            file = stack.enter_context((folder / name).open("wb"))
            descr = npy.dtype_to_descr(layer.type)
            header = {"descr": descr, "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(file, header)
            files.append((file, layer))
        for part in _chunks(packed.begun.size):
            pieces = zip(packed.begun[part].tolist(), packed.sizes[part].tolist(), strict=True)
            for row, size in pieces:
                for file, layer in files:
                    file.write(layer.read(row)[:size].data)


def _chunks(size: int) -> Iterator[slice]:
    return (slice(at, at + CHUNK) for at in range(0, size, CHUNK))


def _spans(
    starts: Numbers, ends: Numbers, documents: Numbers, numbers: Numbers, length: int
) -> pa.Table:
    """The pieces of copies that lie from `starts` to `ends` in the stream of all tokens."""
    first = starts // length
    pieces = (ends - 1) // length - first + 1
    copy = np.repeat(np.arange(starts.size), pieces)
    piece = np.arange(copy.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    sequence = first[copy] + piece
    begin = np.maximum(starts[copy], sequence * length)
    end = np.minimum(ends[copy], (sequence + 1) * length)
    columns = (
        sequence,
        begin - sequence * length,
        end - sequence * length,
        documents[copy],
        begin - starts[copy],
        numbers[copy],
    )
    arrays = [pa.array(column.astype(np.int32)) for column in columns]
    return pa.Table.from_arrays(arrays, schema=SPANS)
