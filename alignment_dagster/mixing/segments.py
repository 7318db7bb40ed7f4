"""Which tokens of a packed document are its own, and which those of documents that stand in it."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from alignment_dagster.mixing.kept_documents import Numbers
from alignment_dagster.mixing.layers import Packable, Segment


def find_guests(encoded: Packable, documents: Numbers, sizes: Numbers) -> Numbers:
    """The rows of documents that stand in packed ones, of which a token is packed."""
    if encoded.alone.all():
        return np.empty(0, np.int64)
    rows, inverse = np.unique(documents, return_inverse=True)
    longest = np.zeros(rows.size, np.int64)
    np.maximum.at(longest, inverse, sizes)
    found = [
        segment.row
        for row, size in zip(rows.tolist(), longest.tolist(), strict=True)
        for segment in encoded.segments(row)
        if segment.begin < size
    ]
    return np.array(found, np.int64)


def split_spans(spans: pa.Table, rows: Numbers, encoded: Packable) -> pa.Table:
    """Spans of documents in which others stand as spans of these and of those.

    Args:
        spans: as they are written, in order of sequence and start.
        rows: of the kept documents, in the order that spans count them in.
    """
    if encoded.alone.all():
        return spans
    found = dict[int, Sequence[Segment]]()
    for place in np.unique(spans["document"].to_numpy()).tolist():
        if segments := encoded.segments(int(rows[place])):
            found[place] = segments
    parted = np.isin(spans["document"].to_numpy(), list(found))
    columns = dict[str, list[int]]((name, []) for name in spans.schema.names)
    for span in spans.filter(pa.array(parted)).to_pylist():
        begin, size = span["document_start"], span["end"] - span["start"]
        for segment in found[span["document"]]:
            first = max(begin, segment.begin)
            last = min(begin + size, segment.begin + segment.size)
            if first < last:
                start = span["start"] + first - begin
                row = int(np.searchsorted(rows, segment.row))
                after = segment.start + first - segment.begin
                piece = (span["sequence"], start, start + last - first, row, after, span["copy"])
                for column, value in zip(columns.values(), piece, strict=True):
                    column.append(value)
    pieces = pa.table(columns, schema=spans.schema)
    every = pa.concat_tables([spans.filter(pa.array(~parted)), pieces])
    return every.sort_by([("sequence", "ascending"), ("start", "ascending")])
