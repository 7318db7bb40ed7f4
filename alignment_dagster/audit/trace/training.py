"""What was trained on: steps, sequences, tokens and documents, counted from the ledgers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import PRETRAINING, Chain, ConsumptionLedger
from alignment_dagster.audit.trace.parquet import Connection, Row, fetch_row
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact

STEPS = (
    "count(*) as steps, coalesce(max(tokens), 0)::bigint as tokens, arg_max(chain, step) as chain"
)


@dataclass(frozen=True)
class MixTotals:
    """A mix, counted: its sequences, and its documents by source."""

    mix: Artifact
    seeds: tuple[int, ...]
    sequences: int
    length: int
    spans: int
    sources: list[Row]
    """Source and group: documents, copies, tokens as packed."""

    @property
    def documents(self) -> int:
        return sum(row["documents"] for row in self.sources)

    @property
    def copies(self) -> int:
        """Documents, each as often as it was packed."""
        return sum(row["copies"] for row in self.sources)

    @property
    def tokens(self) -> int:
        """Tokens that the documents were packed as."""
        return sum(row["tokens"] for row in self.sources)


@dataclass(frozen=True)
class ReadTotals:
    """One ledger, counted."""

    ledger: ConsumptionLedger
    seed: int
    steps: int
    tokens: int
    chain: str | None
    sequences: int
    """Sequences read; of stages that read conversations 0."""
    distinct: int
    """Different sequences, or different documents."""
    documents: int
    """Documents read, each as often as it was read; of pretraining 0: the mix knows."""


def count_mixes(connection: Connection, chain: Chain) -> list[MixTotals]:
    """Each mix behind the metric."""
    return [_count_mix(connection, mix, chain.seeds(mix)) for mix in chain.mixes]


def _count_mix(connection: Connection, mix: Artifact, seeds: tuple[int, ...]) -> MixTotals:
    sequences, length = read_mix_shape(mix)
    spans = fetch_row(
        connection,
        "select count(*) as spans from read_parquet(?)",
        str(mix.path / file_names.SPANS),
    )
    sources = fetch_rows(
        connection,
        'select source, "group", count(*) as documents, sum(copies)::bigint as copies, '
        "sum(packed_tokens)::bigint as tokens from read_parquet(?) "
        "group by all order by tokens desc, source",
        str(mix.path / file_names.DOCUMENTS),
    )
    return MixTotals(mix, seeds, sequences, length, spans["spans"], sources)


def read_mix_shape(mix: Artifact) -> tuple[int, int]:
    """Sequences, and tokens in each: from the header of the file.

    Raises:
        ArtifactError: if there is no such file, or it holds no table.
    """
    try:
        shape = np.load(mix.path / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False).shape
        return int(shape[0]), int(shape[1])
    except (OSError, ValueError, IndexError) as error:
        message = f"{mix.label}: sequences.npy cannot be read ({error})"
        raise ArtifactError(message) from None


def count_reads(connection: Connection, chain: Chain) -> list[ReadTotals]:
    """Each seed's ledgers, in the order of training."""
    return [
        _count_pretraining(connection, ledger, replicate.seed)
        if number == 0
        else _count_conversations(connection, ledger, replicate.seed)
        for replicate in chain.replicates
        for number, ledger in enumerate(replicate.ledgers)
    ]


def _count_pretraining(connection: Connection, ledger: ConsumptionLedger, seed: int) -> ReadTotals:
    steps = fetch_row(connection, f"select {STEPS} from read_parquet(?)", str(ledger.path))
    read = fetch_row(
        connection,
        "select count(*) as sequences, count(distinct number) as distinct_ from "
        "(select unnest(sequences) as number from read_parquet(?))",
        str(ledger.path),
    )
    return ReadTotals(
        ledger, seed, **steps, sequences=read["sequences"], distinct=read["distinct_"], documents=0
    )


def _count_conversations(
    connection: Connection, ledger: ConsumptionLedger, seed: int
) -> ReadTotals:
    upto, values = limit_steps(ledger)
    steps = fetch_row(connection, f"select {STEPS} from read_parquet(?) where {upto}", *values)
    read = fetch_row(
        connection,
        "select count(*) as documents, count(distinct id) as distinct_ from "
        f"(select unnest(documents) as id from read_parquet(?) where {upto})",
        *values,
    )
    return ReadTotals(
        ledger, seed, **steps, sequences=0, distinct=read["distinct_"], documents=read["documents"]
    )


def limit_steps(ledger: ConsumptionLedger) -> tuple[str, list[str | int]]:
    """The condition that leaves only steps that count, and its values; the file comes first."""
    if ledger.last is None:
        return "true", [str(ledger.path)]
    return "step <= ?", [str(ledger.path), ledger.last]


def find_gaps(mixes: Sequence[MixTotals], read: Sequence[ReadTotals]) -> list[str]:
    """Where the totals do not add up: the ledgers are then not what training writes."""
    found = []
    for one_mix in mixes:
        packed = one_mix.sequences * one_mix.length
        if one_mix.tokens != packed:
            found.append(
                f"{one_mix.mix.label}: its documents are packed as {one_mix.tokens:,} tokens, and "
                f"its sequences hold {packed:,}"
            )
        for each in read:
            own = each.seed in one_mix.seeds and each.ledger.stage == PRETRAINING
            if own and not each.sequences == each.distinct == one_mix.sequences:
                found.append(
                    f"{each.ledger.checkpoint.label}: read {each.sequences:,} sequences, "
                    f"{each.distinct:,} different ones, of {one_mix.sequences:,} in "
                    f"{one_mix.mix.label}: not each exactly once"
                )
    return found
