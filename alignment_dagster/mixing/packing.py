"""Packing: documents into sequences of equal length, with a map of which lies where.

All is written as they are made: nothing is ever in memory as a whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.lib import format as npy
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.best_fit import Pieces, lay_out
from alignment_dagster.mixing.boundaries import write_boundaries
from alignment_dagster.mixing.kept_documents import Numbers
from alignment_dagster.mixing.layers import Layer, Packable
from alignment_dagster.mixing.sampling import Copies
from alignment_dagster.mixing.segments import find_guests, split_spans
from alignment_dagster.study.treatments import phase_places

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
PhasePiece = tuple[int, int, int, float]
"""Of which kept document, from which of its tokens on, and how many; within one phase, and the
share of the mix with which that begins."""


@dataclass(frozen=True)
class PackedDocuments:
    """What was packed, one row a document [documents], in the order of their ids: also of those
    that stand in others."""

    rows: Numbers
    """Of the kept documents."""
    copies: Numbers
    """How many were begun."""
    tokens: Numbers
    """Of all copies."""
    pieces: Callable[[], Iterator[PhasePiece]]
    """What the mix holds, in its order."""


def pack(
    encoded: Packable,
    copies: Copies,
    count: int,
    length: int,
    folder: Path,
    *,
    best_fit: bool = False,
    phases: Sequence[float] = (),
    seed: int = 0,
) -> PackedDocuments:
    """Fill `count` sequences of `length` tokens with the copies.

    Writes each layer [sequences, length], and `spans.parquet` (`SPANS`), in order of sequence and
    start, whose `document` is a row of what is returned. What the sequences do not hold of the last
    copies is left out.

    Args:
        best_fit: whether copies stay whole where they fit, and do not see each other
            (`boundaries.npy`); else they are laid end to end, and may run on in the next sequence.
        phases: the shares of the sequences at which documents begin to be treated otherwise.
        seed: of the order of the sequences, where there are phases and copies stay whole.

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
    sizes = ends - starts
    rows = np.unique(np.concatenate([documents, find_guests(encoded, documents, sizes)]))
    inverse = np.searchsorted(rows, documents)
    laid = lay_out(sizes, length, seed if phases else None) if best_fit else None
    begins = (place * length for place in phase_places(phases, count))
    places = list(zip(begins, phases, strict=True))
    packed = PackedDocuments(
        rows,
        np.zeros(rows.size, np.int64),
        np.zeros(rows.size, np.int64),
        lambda: (
            _in_phases(_pieces(documents, sizes, laid), places)
            if places
            else _pieces(documents, sizes, laid)
        ),
    )
    _write_layers(encoded.layers, packed.pieces(), (count, length), folder)
    if laid is None:
        tables = (
            _spans(starts[part], ends[part], inverse[part], numbers[part], length)
            for part in _chunks(used)
        )
    else:
        write_boundaries(laid, lengths[:used], (count, length), folder)
        tables = (
            _spans_of_pieces(laid, part, inverse, numbers) for part in _chunks(laid.copy.size)
        )
    with pq.ParquetWriter(folder / file_names.SPANS, SPANS) as writer:
        for table in tables:
            spans = split_spans(table, packed.rows, encoded)
            document = spans["document"].to_numpy()
            size = pc.subtract(spans["end"], spans["start"]).to_numpy()
            np.add.at(packed.tokens, document, size)
            np.maximum.at(packed.copies, document, spans["copy"].to_numpy().astype(np.int64) + 1)
            writer.write_table(spans)
    return packed


def _write_layers(
    layers: Mapping[str, Layer], pieces: Iterable[PhasePiece], shape: tuple[int, int], folder: Path
) -> None:
    with ExitStack() as stack:
        files = []
        for name, layer in layers.items():
            file = stack.enter_context((folder / name).open("wb"))
            descr = npy.dtype_to_descr(layer.type)
            header = {"descr": descr, "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(file, header)
            files.append(file)
        last, contents = (-1, 0.0), list[NDArray[Any]]()
        for row, begin, size, phase in pieces:
            # The whole sequences that a long document is cut into follow each other.
            if (row, phase) != last:
                last = row, phase
                contents = [layer.read(row, phase) for layer in layers.values()]
            for file, content in zip(files, contents, strict=True):
                file.write(content[begin : begin + size].data)


def _pieces(begun: Numbers, sizes: Numbers, laid: Pieces | None) -> Iterator[PhasePiece]:
    """What lies in the sequences, in their order, as if all was one phase.

    Args:
        begun: of the kept documents, the row of each copy [copies].
        sizes: tokens of each copy; of the last one perhaps not all.
        laid: where they lie, unless they lie end to end.
    """
    if laid is None:
        for part in _chunks(begun.size):
            yield from zip(
                begun[part].tolist(), repeat(0), sizes[part].tolist(), repeat(0.0), strict=False
            )
        return
    for part in _chunks(laid.copy.size):
        rows = begun[laid.copy[part]].tolist()
        begins, parts = laid.begin[part].tolist(), laid.size[part].tolist()
        yield from zip(rows, begins, parts, repeat(0.0), strict=False)


def _in_phases(
    pieces: Iterable[PhasePiece], places: Sequence[tuple[int, float]]
) -> Iterator[PhasePiece]:
    """The pieces, cut where a phase begins.

    Args:
        places: the first token of each phase but the first, and the share with which it begins.
    """
    at, phase, waiting = 0, 0.0, list(places)
    for row, begin, size, _ in pieces:
        end = begin + size
        while waiting and waiting[0][0] < at + end - begin:
            place, share = waiting.pop(0)
            if place > at:
                yield row, begin, place - at, phase
                begin, at = begin + place - at, place
            phase = share
        yield row, begin, end - begin, phase
        at += end - begin


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
