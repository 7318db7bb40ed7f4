"""From training documents on to what wrote them: prompts, models, and the originals of rewrites."""

from collections.abc import Iterator, Sequence
from typing import Any

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import Chain
from alignment_dagster.audit.trace.documents import IS_LISTED, find_raw_rows
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.audit.trace.training import limit_steps, select_part_reads
from alignment_dagster.audit.written_rows import is_written, select_prompts, select_written
from alignment_dagster.chain import RAW_CORPUS
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.study.synthesis import WrittenColumn

BY = (
    "source", WrittenColumn.FORM, WrittenColumn.TEMPLATE, WrittenColumn.TEMPLATE_VERSION,
    WrittenColumn.GENERATOR, WrittenColumn.MODEL, WrittenColumn.REPORTED_MODEL,
    WrittenColumn.SCENARIO, WrittenColumn.DOMAIN,
)  # fmt: skip
"""What written documents are counted by."""


def find_written(
    connection: Connection, corpora: Sequence[Artifact], ids: Sequence[str]
) -> dict[str, Row]:
    """Document → all that is recorded of its writing, with `system` and `text` of its prompt.

    Of documents that were not written there is nothing.
    """
    written = [one for one in corpora if is_written(one)]
    if not written:
        return {}
    found = fetch_rows(
        connection,
        "select distinct on (document_id) written.*, system, text "
        f"from ({select_written(written)}) as written left join ({select_prompts(written)}) "
        f"as prompts using (artifact, prompt) where {IS_LISTED}",
        list(ids),
    )
    return {str(row["document_id"]): row for row in found}


def follow_originals(
    connection: Connection, corpora: Sequence[Artifact], document: str
) -> list[Row]:
    """A document that was written, then the one that it was rewritten from.

    Each has `document_id`, `raw` and `written`, None where the corpora do not say; of a document
    that was not written there is none.
    """
    found: list[Row] = []
    identity: str | None = document
    while identity is not None and identity not in [one["document_id"] for one in found]:
        written = find_written(connection, corpora, [identity]).get(identity)
        if written is None and not found:
            break
        raw = next(iter(find_raw_rows(connection, corpora, [identity])), None)
        found.append({"document_id": identity, "raw": raw, "written": written})
        identity = written[WrittenColumn.ORIGINAL] if written else None
    return found


def count_written(connection: Connection, chain: Chain) -> list[Row]:
    """What was read of written documents, by use, source, form, template, model and scenario.

    Each row has `documents`, `prompts`, the `times` that they were read and, in pretraining, their
    `tokens`, both over all seeds.
    """
    corpora = chain.ancestors_of(RAW_CORPUS)
    reads = list(_select_reads(chain)) if any(map(is_written, corpora)) else []
    if not reads:
        return []
    columns = ", ".join(BY)
    return fetch_rows(
        connection,
        f"select use, {columns}, count(distinct document_id) as documents, "
        f"count(distinct {WrittenColumn.PROMPT}) as prompts, sum(times)::bigint as times, "
        f"sum(tokens)::bigint as tokens from ({' union all '.join(sql for sql, _ in reads)}) "
        f"join (select distinct on (document_id) * from ({select_written(corpora)})) "
        f"using (document_id) group by all order by use, tokens desc, times desc, {columns}",
        *(value for _, values in reads for value in values),
    )


def _select_reads(chain: Chain) -> Iterator[tuple[str, list[Any]]]:
    """Queries of `document_id`, `use`, `times` and `tokens` over all seeds, and their values."""
    for mix in chain.mixes:
        if not chain.is_read_whole(mix):
            part, values = select_part_reads(chain, mix)
            yield (
                "select document_id, 'trunk' as use, count(distinct (seed, copy)) as times, "
                f"sum(tokens) as tokens from ({part}) group by document_id",
                values,
            )
            continue
        seeds = len(chain.seeds(mix))
        yield (
            "select document_id, 'pretraining' as use, copies * ? as times, "
            "packed_tokens * ? as tokens from read_parquet(?)",
            [seeds, seeds, str(mix.path / file_names.DOCUMENTS)],
        )
    for stage in chain.fine_tuning:
        pieces, values = [], list[Any]()
        for ledger in chain.ledgers(stage):
            upto, given = limit_steps(ledger)
            pieces.append(
                f"select unnest(documents) as document_id from read_parquet(?) where {upto}"
            )
            values += given
        yield (
            "select document_id, ? as use, count(*) as times, null::bigint as tokens "
            f"from ({' union all '.join(pieces)}) group by document_id",
            [stage, *values],
        )
