"""How many rows of a Parquet file can be held, where each may be the longest value that it stores.

A column may store a value once, in the dictionary page that it begins with, and say it a million
times. How long one can be, the head of that page says: a Thrift structure whose first fields are
the page's type and its unpacked size (parquet-format, `PageHeader`).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from alignment_dagster.corpus.columns import BATCH, HELD

if TYPE_CHECKING:
    import pyarrow.parquet as pq

HEAD = 32
"""Bytes; the first fields are shorter."""
NUMBER = 0x15
"""Thrift's compact protocol: the next field is a number of 32 bits."""
DICTIONARY_PAGE = 2


def rows_at_a_time(file: BinaryIO, columns: Iterable["pq.ColumnChunkMetaData"]) -> int:
    """How many rows of some columns are read together: `BATCH`, or so few that they can be held."""
    longest = max((_longest(file, one) for one in columns), default=0)
    return max(1, min(BATCH, HELD // max(1, longest)))


def _longest(file: BinaryIO, column: "pq.ColumnChunkMetaData") -> int:
    """The bytes of a column's dictionary; 0 where it has none."""
    starts = (column.dictionary_page_offset, column.data_page_offset)
    file.seek(min(one for one in starts if one is not None))
    head = file.read(HEAD)
    try:
        kind, at = _number(head, 0)
        size, _ = _number(head, at)
    except (IndexError, ValueError):
        # written in another order: then all of the column may be one value
        return int(column.total_uncompressed_size)
    return size if kind == DICTIONARY_PAGE else 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """A field's number, and where the next field begins."""
    if head[at] != NUMBER:
        raise ValueError(head[at])
    value = shift = 0
    while True:
        at += 1
        value |= (head[at] & 0x7F) << shift
        shift += 7
        if head[at] < 0x80:
            return (value >> 1) ^ -(value & 1), at + 1
