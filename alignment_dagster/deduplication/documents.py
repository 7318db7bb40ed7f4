"""The distinct documents of a corpus, by number, with their shingles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from alignment_dagster.deduplication.shingles import Hashes

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DistinctDocuments:
    """Documents in their order, from batches of digests; a document's number is its place.

    What repeats the words of an earlier one takes no part: it has a size of zero.
    """

    batches: Sequence[pa.RecordBatch]

    @cached_property
    def starts(self) -> Numbers:
        """The number of the first document of each batch, and how many there are in all."""
        return np.cumsum([0, *(batch.num_rows for batch in self.batches)])

    @cached_property
    def is_first(self) -> npt.NDArray[np.bool_]:
        """Whether no earlier document has the same words in the same order."""
        prints = pa.chunked_array([b["fingerprint"] for b in self.batches], pa.binary(32))
        encoded = prints.combine_chunks().dictionary_encode() if prints.num_chunks else None
        firsts = np.zeros(int(self.starts[-1]), bool)
        if encoded is not None:
            _, places = np.unique(encoded.indices.to_numpy(), return_index=True)
            firsts[places] = True
        return firsts

    @cached_property
    def sizes(self) -> Numbers:
        """Shingles of each document."""
        counts = [np.diff(batch["shingles"].offsets.to_numpy()) for batch in self.batches]
        found = np.concatenate([np.zeros(0, np.int64), *counts])
        return np.where(self.is_first, found, 0)

    def shingles(self, number: int) -> Hashes:
        """Those of one document."""
        batch = int(np.searchsorted(self.starts, number, "right")) - 1
        values, offsets = self._arrays[batch]
        row = number - int(self.starts[batch])
        return values[offsets[row] : offsets[row + 1]]

    def arrays(self) -> Iterator[tuple[int, Hashes, Numbers]]:
        """First number, values and offsets of each batch."""
        for start, (values, offsets) in zip(self.starts, self._arrays, strict=False):
            yield int(start), values, offsets

    def ids(self, numbers: Numbers) -> pa.Array:
        """The ids of these documents."""
        column = pa.chunked_array([batch["document_id"] for batch in self.batches], pa.string())
        return column.take(pa.array(numbers)).combine_chunks()

    @cached_property
    def _arrays(self) -> list[tuple[Hashes, Numbers]]:
        lists = (batch["shingles"] for batch in self.batches)
        return [(one.values.to_numpy(), one.offsets.to_numpy()) for one in lists]
