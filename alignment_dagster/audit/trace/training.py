"""What was trained on: steps, sequences, tokens and documents, counted from the ledgers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import Chain, ConsumptionLedger
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
    read: list[Row]
    """The same of what was read: documents, and copies and tokens over all seeds."""
    whole: bool
    """Whether each seed read all of it; of a trunk's mix a branch reads the first steps alone."""

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

    @property
    def skipped(self) -> int:
        """Of the steps, how many the guard left out."""
        return len(self.ledger.skipped)


def count_mixes(connection: Connection, chain: Chain) -> list[MixTotals]:
    """Each mix behind the metric."""
    return [_count_mix(connection, mix, chain) for mix in chain.mixes]


def _count_mix(connection: Connection, mix: Artifact, chain: Chain) -> MixTotals:
    seeds, whole = chain.seeds(mix), chain.is_read_whole(mix)
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
    read = (
        [
            {**row, "copies": row["copies"] * len(seeds), "tokens": row["tokens"] * len(seeds)}
            for row in sources
        ]
        if whole
        else _count_part(connection, chain, mix)
    )
    return MixTotals(mix, seeds, sequences, length, spans["spans"], sources, read, whole)


def _count_part(connection: Connection, chain: Chain, mix: Artifact) -> list[Row]:
    query, values = select_part_reads(chain, mix)
    return fetch_rows(
        connection,
        'select source, "group", count(distinct document_id) as documents, '
        "count(distinct (seed, document_id, copy)) as copies, sum(tokens)::bigint as tokens "
        f"from ({query}) group by all order by tokens desc, source",
        *values,
    )


def select_part_reads(chain: Chain, mix: Artifact) -> tuple[str, list[str | int]]:
    """A query of the pieces of documents that were read of a mix, by seed, and its values.

    Its columns: `seed`, `document_id`, `source`, `group`, `copy`, `tokens`.
    """
    pieces, values = [], list[str | int]()
    for replicate, ledgers in chain.readers(mix):
        for ledger in ledgers:
            upto, given = limit_steps(ledger)
            pieces.append(
                f'select {replicate.seed} as seed, unnest(sequences) as "sequence" '
                f"from read_parquet(?) where {upto}"
            )
            values += given
    query = (
        'select seed, document_id, source, "group", copy, "end" - start as tokens '
        f'from ({" union all ".join(pieces)}) join read_parquet(?) as spans using ("sequence") '
        "join read_parquet(?, file_row_number = true) as documents "
        "on documents.file_row_number = spans.document"
    )
    files = [str(mix.path / name) for name in (file_names.SPANS, file_names.DOCUMENTS)]
    return query, [*values, *files]


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
    found = []
    for replicate in chain.replicates:
        before: list[ReadTotals] = []
        for ledger in replicate.ledgers:
            if ledger.mix is None:
                found.append(_count_conversations(connection, ledger, replicate.seed))
            else:
                found.append(_count_sequences(connection, ledger, replicate.seed, before))
                before.append(found[-1])
    return found


def _count_sequences(
    connection: Connection, ledger: ConsumptionLedger, seed: int, before: Sequence[ReadTotals]
) -> ReadTotals:
    """Of a ledger whose sums go on from those of a trunk.

    `distinct` are the sequences that the trunk had not read of the same mix.
    """
    upto, values = limit_steps(ledger)
    same = [limit_steps(one.ledger) for one in before if one.ledger.mix == ledger.mix]
    known = "".join(
        f" and number not in (select unnest(sequences) from read_parquet(?) where {until})"
        for until, _ in same
    )
    steps = fetch_row(connection, f"select {STEPS} from read_parquet(?) where {upto}", *values)
    read = fetch_row(
        connection,
        f"select count(*) as sequences, count(distinct number) filter (true{known}) as distinct_ "
        f"from (select unnest(sequences) as number from read_parquet(?) where {upto})",
        *(one for _, given in same for one in given),
        *values,
    )
    steps["tokens"] -= sum(one.tokens for one in before)
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
        for seed in one_mix.seeds:
            found += _find_seed_gaps(one_mix, [one for one in read if one.seed == seed])
    return found


def _find_seed_gaps(mix: MixTotals, read: Sequence[ReadTotals]) -> list[str]:
    """Whether a seed read the mix exactly once, or of a trunk's no sequence twice."""
    own = [one for one in read if one.ledger.mix and one.ledger.mix.label == mix.mix.label]
    sequences, distinct = (
        sum(counted)
        for counted in zip(*((one.sequences, one.distinct) for one in own), strict=True)
    )
    if sequences == distinct and (sequences == mix.sequences or not mix.whole):
        return []
    return [
        f"{own[-1].ledger.checkpoint.label}: read {sequences:,} sequences, {distinct:,} different "
        f"ones, of {mix.sequences:,} in {mix.mix.label}: not each exactly once"
    ]
