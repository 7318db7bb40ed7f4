"""Packing: documents end to end into sequences of equal length, with a map of which lies where."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.mixing.encoding import EncodedDocuments
from alignment_dagster.mixing.sampling import Copy

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


@dataclass(frozen=True)
class PackedSequences:
    """Token ids [sequences, length], and the span map (`SPANS`), in order of sequence and start."""

    sequences: NDArray[np.unsignedinteger]
    spans: pa.Table


def pack(
    encoded: EncodedDocuments, copies: Iterable[Copy], count: int, length: int
) -> PackedSequences:
    """Lay the copies end to end and cut them into `count` sequences of `length` tokens.

    A document may run on in the next sequence; what lies behind the last sequence is left out.

    Raises:
        DataError: if the copies are too few to fill the sequences.
    """
    stream = np.empty(count * length, dtype=encoded.type)
    rows: list[tuple[int, int, int, int, int, int]] = []
    position = 0
    for item in copies:
        if position >= stream.size:
            break
        tokens = encoded[item.document][: stream.size - position]
        stream[position : position + tokens.size] = tokens
        rows += _spans(item, position, int(tokens.size), length)
        position += int(tokens.size)
    if position < stream.size:
        raise DataError(f"the sampled documents fill {position:,} of {stream.size:,} tokens")
    columns = [pa.array(column, pa.int32()) for column in zip(*rows, strict=True)]
    return PackedSequences(
        stream.reshape(count, length), pa.Table.from_arrays(columns, schema=SPANS)
    )


def _spans(
    item: Copy, position: int, size: int, length: int
) -> list[tuple[int, int, int, int, int, int]]:
    rows = []
    done = 0
    while done < size:
        sequence, start = divmod(position + done, length)
        taken = min(size - done, length - start)
        rows.append((sequence, start, start + taken, item.document, done, item.copy))
        done += taken
    return rows
