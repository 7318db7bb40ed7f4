"""Which documents were chosen: what the recipe decided, and what else had a part in the number."""

from collections.abc import Sequence

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import PRETRAINING, Chain, file_paths, find_parent
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.audit.trace.training import limit_steps
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import LAST_DOCUMENT

DOCUMENTS = "documents"
TRAINS_TOKENIZER = "role = 'corpus' and not held_out and item_id is null and duplicate_of is null"
"""As the asset `tokenizer` chooses what its vocabulary is trained on."""


def count_decisions(connection: Connection, chain: Chain) -> list[Row]:
    """What the recipe kept and dropped for pretraining: documents by source, rule and weight."""
    files = {
        str(path)
        for ledger in chain.ledgers(PRETRAINING)
        for path in ledger.dispositions
        if path.name == file_names.PRETRAINING_PART
    }
    counted = "count(*)" if len(files) == 1 else "count(distinct document_id)"
    return fetch_rows(
        connection,
        f'select source, "group", state, rule, {counted} as documents, '
        "min(weight) filter (state = 'kept') as weight from read_parquet(?) "
        'group by source, "group", state, rule order by source, documents desc, rule',
        sorted(files),
    )


def count_fine_tuning_documents(connection: Connection, chain: Chain, stage: str) -> list[Row]:
    """A stage's documents by source: how many different ones, and how often they were read."""
    ledgers = chain.ledgers(stage)
    pieces, values = [], []
    for ledger in ledgers:
        upto, given = limit_steps(ledger)
        pieces.append(f"select unnest(documents) as document_id from read_parquet(?) where {upto}")
        values += given
    known = sorted(
        {
            str(path)
            for ledger in ledgers
            for path in ledger.dispositions
            if path.name != file_names.PRETRAINING_PART
        }
    )
    return fetch_rows(
        connection,
        f"with read as (select document_id, count(*) as times from ({' union all '.join(pieces)}) "
        "group by document_id) "
        'select source, "group", count(*) as documents, sum(times)::bigint as times from read '
        'left join (select distinct on (document_id) document_id, source, "group" '
        "from read_parquet(?)) using (document_id) group by all order by documents desc, source",
        *values,
        known,
    )


def count_tokenizer_documents(
    connection: Connection, archive: Archive, tokenizers: Sequence[Artifact]
) -> list[Row]:
    """The documents that the vocabulary was trained on, by source."""
    documents, values = select_tokenizer_documents(archive, tokenizers)
    return fetch_rows(
        connection,
        f'select source, "group", count(*) as documents from ({documents}) '
        "group by all order by documents desc, source",
        *values,
    )


def select_tokenizer_documents(
    archive: Archive, tokenizers: Sequence[Artifact]
) -> tuple[str, list[str]]:
    """What vocabularies were trained on: a query of `document_id`, source and group; its values."""
    corpora = (find_tokenizer_corpus(archive, one) for one in tokenizers)
    read = sorted({one for one in corpora if one is not None})
    piece = (
        'select document_id, source, "group" from read_parquet(?) '
        f"where {TRAINS_TOKENIZER} and document_id <= ?"
    )
    if not read:
        return "select '' as document_id, '' as source, '' as \"group\" where false", []
    return " union ".join([piece] * len(read)), [value for pair in read for value in pair]


def find_tokenizer_corpus(archive: Archive, tokenizer: Artifact) -> tuple[str, str] | None:
    """The table that said which documents may be trained on, and the highest id that was.

    None of a vocabulary that was copied from a checkpoint.
    """
    if LAST_DOCUMENT not in tokenizer.provenance.measured:
        return None
    (table,) = file_paths([find_parent(archive, tokenizer, DOCUMENTS)], f"{DOCUMENTS}.parquet")
    return table, str(tokenizer.provenance.measured[LAST_DOCUMENT])


def has_trained_tokenizer(
    connection: Connection, archive: Archive, tokenizers: Sequence[Artifact], document: str
) -> bool:
    """Whether a vocabulary was trained on the document."""
    documents, values = select_tokenizer_documents(archive, tokenizers)
    query = f"select 1 from ({documents}) where document_id = ? limit 1"
    return bool(fetch_rows(connection, query, *values, document))
