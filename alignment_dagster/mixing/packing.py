"""Packing: documents into sequences of equal length, with a map of which lies where.

All is written as they are made: nothing is ever in memory as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.best_fit import Pieces, lay_out
from alignment_dagster.mixing.boundaries import write_boundaries
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
    encoded: Packable,
    copies: Copies,
    count: int,
    length: int,
    folder: Path,
    *,
    best_fit: bool = False,
) -> PackedDocuments:
    """Fill `count` sequences of `length` tokens with the copies.

    Writes each layer [sequences, length], and `spans.parquet` (`SPANS`), in order of sequence and
    start, whose `document` is a row of what is returned. What the sequences do not hold of the last
    copies is left out.

    Args:
        best_fit: whether copies stay whole where they fit, and do not see each other
            (`boundaries.npy`); else they are laid end to end, and may run on in the next sequence.

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
    if best_fit:
        pieces = lay_out(packed.sizes, length)
        for name, layer in encoded.layers.items():
            _write_pieces(layer, packed, pieces, (count, length), folder / name)
        write_boundaries(pieces, lengths[:used], (count, length), folder)
        with pq.ParquetWriter(folder / file_names.SPANS, SPANS) as writer:
            for part in _chunks(pieces.copy.size):
                writer.write_table(_spans_of_pieces(pieces, part, inverse, numbers))
        return packed
    for name, layer in encoded.layers.items():
        _write_layer(layer, packed, (count, length), folder / name)
    with pq.ParquetWriter(folder / file_names.SPANS, SPANS) as writer:
        for part in _chunks(used):
            spans = _spans(starts[part], ends[part], inverse[part], numbers[part], length)
            writer.write_table(spans)
    return packed


def _write_layer(layer: Layer, packed: PackedDocuments, shape: tuple[int, int], path: Path) -> None:
    header = {"descr": npy.dtype_to_descr(layer.type), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, header)
        for part in _chunks(packed.begun.size):
            pieces = zip(packed.begun[part].tolist(), packed.sizes[part].tolist(), strict=True)
            file.writelines(layer.read(row, size) for row, size in pieces)


def _write_pieces(
    layer: Layer, packed: PackedDocuments, pieces: Pieces, shape: tuple[int, int], path: Path
) -> None:
    header = {"descr": npy.dtype_to_descr(layer.type), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, header)
        last, content, width = -1, b"", layer.type.itemsize
        for part in _chunks(pieces.copy.size):
            begins, sizes = pieces.begin[part].tolist(), pieces.size[part].tolist()
            for copy, begin, size in zip(pieces.copy[part].tolist(), begins, sizes, strict=True):
                # The whole sequences that a long document is cut into follow each other.
                if copy != last:
                    last = copy
                    content = layer.read(int(packed.begun[copy]), int(packed.sizes[copy]))
                file.write(content[begin * width : (begin + size) * width])


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


def _spans_of_pieces(pieces: Pieces, part: slice, documents: Numbers, numbers: Numbers) -> pa.Table:
    start, copy = pieces.start[part], pieces.copy[part]
    columns = (
        pieces.sequence[part],
        start,
        start + pieces.size[part],
        documents[copy],
        pieces.begin[part],
        numbers[copy],
    )
    arrays = [pa.array(column.astype(np.int32)) for column in columns]
    return pa.Table.from_arrays(arrays, schema=SPANS)
