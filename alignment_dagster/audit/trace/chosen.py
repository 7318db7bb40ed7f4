"""Which documents were chosen: what the recipe decided, and what else had a part in the number."""

from collections.abc import Sequence

from alignment_dagster.audit.archive import Archive
from alignment_dagster.audit.ledgers import rows
from alignment_dagster.audit.trace.chain import PRETRAINING, Chain, parent, paths
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.audit.trace.training import until
from alignment_dagster.lineage.lake import Artifact

DOCUMENTS = "documents"
TRAINS_TOKENIZER = "role = 'corpus' and not held_out and item_id is null and duplicate_of is null"
"""As the asset `tokenizer` chooses what its vocabulary is trained on."""


def decisions(connection: Connection, chain: Chain) -> list[Row]:
    """What the recipe kept and dropped for pretraining: documents by source, rule and weight."""
    files = {
        str(path)
        for ledger in chain.ledgers(PRETRAINING)
        for path in ledger.dispositions
        if path.name == f"{PRETRAINING}.parquet"
    }
    counted = "count(*)" if len(files) == 1 else "count(distinct document_id)"
    return rows(
        connection,
        f'select source, "group", state, rule, {counted} as documents, '
        "min(weight) filter (state = 'kept') as weight from read_parquet(?) "
        'group by source, "group", state, rule order by source, documents desc, rule',
        sorted(files),
    )


def fine_tuned_on(connection: Connection, chain: Chain, stage: str) -> list[Row]:
    """A stage's documents by source: how many different ones, and how often they were read."""
    ledgers = chain.ledgers(stage)
    pieces, values = [], []
    for ledger in ledgers:
        upto, given = until(ledger)
        pieces.append(f"select unnest(documents) as document_id from read_parquet(?) where {upto}")
        values += given
    known = sorted(
        {
            str(path)
            for ledger in ledgers
            for path in ledger.dispositions
            if path.name != "pretraining.parquet"
        }
    )
    return rows(
        connection,
        f"with read as (select document_id, count(*) as times from ({' union all '.join(pieces)}) "
        "group by document_id) "
        'select source, "group", count(*) as documents, sum(times)::bigint as times from read '
        'left join (select distinct on (document_id) document_id, source, "group" '
        "from read_parquet(?)) using (document_id) group by all order by documents desc, source",
        *values,
        known,
    )


def trained_tokenizer(
    connection: Connection, archive: Archive, tokenizers: Sequence[Artifact]
) -> list[Row]:
    """The documents that the vocabulary was trained on, by source."""
    return rows(
        connection,
        f'select source, "group", count(*) as documents from read_parquet(?) '
        f"where {TRAINS_TOKENIZER} group by all order by documents desc, source",
        tokenizer_documents(archive, tokenizers),
    )


def tokenizer_documents(archive: Archive, tokenizers: Sequence[Artifact]) -> list[str]:
    """The tables that said which documents the vocabularies are trained on."""
    read = {one.label: one for one in (parent(archive, each, DOCUMENTS) for each in tokenizers)}
    return paths(list(read.values()), f"{DOCUMENTS}.parquet")


def trains_tokenizer(connection: Connection, files: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Those of the ids that a vocabulary is trained on."""
    found = rows(
        connection,
        f"select distinct document_id from read_parquet(?) where {TRAINS_TOKENIZER} "
        "and document_id in (select unnest(?::varchar[]))",
        list(files),
        list(ids),
    )
    return [str(row["document_id"]) for row in found]
