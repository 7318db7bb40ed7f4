"""Which steps of pretraining read given documents, from a mix and its consumption ledgers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.training.step_log import read_skipped


@dataclass(frozen=True)
class TrunkLedgers:
    """What the models of a recipe read before their own steps."""

    mix: Path
    """The folder of the trunk's mix."""
    consumption: Sequence[Path]
    """Of each seed, what the trunk read."""
    steps: int
    """The last one that they went on from."""


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
    trunk: TrunkLedgers | None = None
    """Where they were not trained from the beginning on; of the same seeds."""


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
    def of(
        cls, mix: Path, consumption: Sequence[Path], documents: pa.Array, last: int | None = None
    ) -> "DocumentReads":
        """Where documents lie in a mix, and what the ledgers say up to the step `last`."""
        rows, start = dict[str, int](), 0
        packed = pq.ParquetFile(mix / file_names.DOCUMENTS)
        for batch in packed.iter_batches(columns=["document_id"]):
            at = pc.indices_nonzero(pc.is_in(batch["document_id"], documents)).to_pylist()
            rows |= {batch["document_id"][one].as_py(): start + one for one in at}
            start += batch.num_rows
        wanted = pa.array(sorted(rows.values()), pa.int32())
        spans = pq.read_table(
            mix / file_names.SPANS,
            columns=["sequence", "start", "end", "document"],
            filters=pc.field("document").isin(wanted),
        )
        count = (pc.max(spans["sequence"]).as_py() or 0) + 1
        return cls(rows, spans, [_steps_by_sequence(path, count, last) for path in consumption])

    def find(self, ids: Sequence[str]) -> list[tuple[str, int, int]]:
        """The document, the tokens and the step of each piece that some seed read."""
        names = {self.rows[one]: one for one in ids if one in self.rows}
        own = self.spans.filter(pc.is_in(self.spans["document"], pa.array(list(names), pa.int32())))
        documents = [names[row] for row in own["document"].to_pylist()]
        sizes = pc.subtract(own["end"], own["start"]).to_pylist()
        steps = (by_sequence[own["sequence"].to_numpy()].tolist() for by_sequence in self.steps)
        found = (zip(documents, sizes, each, strict=True) for each in steps)
        return [piece for each in found for piece in each if piece[2] > 0]


def read_documents(ledgers: RecipeLedgers, documents: pa.Array) -> list[DocumentReads]:
    """Of a recipe's own mix, and of its trunk's."""
    found = []
    if ledgers.mix is not None:
        found.append(DocumentReads.of(ledgers.mix, ledgers.consumption, documents))
    if (trunk := ledgers.trunk) is not None:
        found.append(DocumentReads.of(trunk.mix, trunk.consumption, documents, trunk.steps))
    return found


def count_reads(reads: Sequence[DocumentReads], ids: Sequence[str]) -> dict[str, Any]:
    """`read`, `tokens`, `first_step` and `last_step` of a canary's documents."""
    seeds = max((len(one.steps) for one in reads), default=0)
    if not seeds:
        return {}
    pieces = [piece for one in reads for piece in one.find(ids)]
    steps = [step for _, _, step in pieces]
    return {
        "read": len({document for document, _, _ in pieces}),
        "tokens": round(sum(tokens for _, tokens, _ in pieces) / seeds),
        "first_step": min(steps, default=None),
        "last_step": max(steps, default=None),
    }


def _steps_by_sequence(ledger: Path, count: int, last: int | None) -> NDArray[np.int64]:
    """The step that learnt from each of the first `count` sequences; 0 for those that none did."""
    table = pq.read_table(ledger, columns=["step", "sequences"])
    if skipped := read_skipped(ledger.parent / file_names.TRAINING_LOG):
        table = table.filter(
            pc.invert(pc.is_in(table["step"], pa.array(list(skipped), pa.int64())))
        )
    if last is not None:
        table = table.filter(pc.less_equal(table["step"], last))
    lists = table["sequences"].combine_chunks()
    sequences = pc.list_flatten(lists).to_numpy()
    steps = table["step"].to_numpy()[pc.list_parent_indices(lists).to_numpy()]
    found = np.zeros(count, np.int64)
    found[sequences[sequences < count]] = steps[sequences < count]
    return found
