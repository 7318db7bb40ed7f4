"""Which steps of pretraining read given documents, from a mix and its consumption ledgers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names


@dataclass(frozen=True)
class RecipeLedgers:
    """The files that say what a recipe made of documents, as far as they have been made."""

    dispositions: Path
    mix: Path | None = None
    """The folder of its mix."""
    consumption: Sequence[Path] = ()
    """Of each seed, what pretraining read."""
    probes: Sequence[Path] = ()
    """Of each seed, how the completions rank."""


@dataclass(frozen=True)
class DocumentReads:
    """Where planted documents lie in a mix, and the step of each seed that read a sequence."""

    rows: Mapping[str, int]
    """Document → its row in the mix."""
    spans: pa.Table
    """`sequence`, `start`, `end` and `document` of those rows."""
    steps: Sequence[NDArray[np.int64]]
    """Of each seed: sequence → step; 0 for one that was not read [sequences]."""

    @classmethod
    def of(cls, ledgers: RecipeLedgers, documents: pa.Array) -> "DocumentReads":
        if ledgers.mix is None:
            return cls({}, pa.table({}), ())
        rows, start = dict[str, int](), 0
        packed = pq.ParquetFile(ledgers.mix / file_names.DOCUMENTS)
        for batch in packed.iter_batches(columns=["document_id"]):
            at = pc.indices_nonzero(pc.is_in(batch["document_id"], documents)).to_pylist()
            rows |= {batch["document_id"][one].as_py(): start + one for one in at}
            start += batch.num_rows
        wanted = pa.array(sorted(rows.values()), pa.int32())
        spans = pq.read_table(
            ledgers.mix / file_names.SPANS,
            columns=["sequence", "start", "end", "document"],
            filters=pc.field("document").isin(wanted),
        )
        count = (pc.max(spans["sequence"]).as_py() or 0) + 1
        return cls(rows, spans, [_steps_by_sequence(path, count) for path in ledgers.consumption])

    def count(self, ids: Sequence[str]) -> dict[str, Any]:
        """`read`, `tokens`, `first_step` and `last_step` of a canary's documents."""
        if not self.steps:
            return {}
        rows = pa.array([self.rows[one] for one in ids if one in self.rows], pa.int32())
        own = self.spans.filter(pc.is_in(self.spans["document"], rows))
        sequences = own["sequence"].to_numpy()
        sizes = own["end"].to_numpy() - own["start"].to_numpy()
        tokens, steps, read = list[int](), list[int](), set[int]()
        for by_sequence in self.steps:
            step = by_sequence[sequences]
            tokens.append(int(sizes[step > 0].sum()))
            steps += step[step > 0].tolist()
            read.update(own["document"].to_numpy()[step > 0].tolist())
        return {
            "read": len(read),
            "tokens": round(fmean(tokens)),
            "first_step": min(steps, default=None),
            "last_step": max(steps, default=None),
        }


def _steps_by_sequence(ledger: Path, count: int) -> NDArray[np.int64]:
    """The step that read each of the first `count` sequences; 0 for those that none read."""
    table = pq.read_table(ledger, columns=["step", "sequences"])
    lists = table["sequences"].combine_chunks()
    sequences = pc.list_flatten(lists).to_numpy()
    steps = table["step"].to_numpy()[pc.list_parent_indices(lists).to_numpy()]
    found = np.zeros(count, np.int64)
    found[sequences[sequences < count]] = steps[sequences < count]
    return found
