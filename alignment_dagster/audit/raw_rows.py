"""The rows of raw corpora as SQL: each document with the places at which it was read again."""

from collections.abc import Sequence

from alignment_dagster.foundation.sql_literals import quote_literal, scan_parquet
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_files


def select_raw_rows(corpora: Sequence[Artifact]) -> str:
    """A query of all documents of raw corpora.

    Columns: `document_id`, `source`, `position`, `path`, `line`, `external_id`, `occurrences`,
    `repeated_at` (`path:line` of each further row), `characters`, `text`, `payload`, `artifact`.
    """
    return " union all ".join(map(_select, corpora))


def _select(corpus: Artifact) -> str:
    documents = scan_parquet(shard_files(corpus, file_names.RAW_DOCUMENTS))
    repeats = scan_parquet(
        shard_files(corpus, file_names.REPEATS), ", filename = true, file_row_number = true"
    )
    return (
        "select document_id, source, position, documents.path, documents.line, external_id, "
        "1 + coalesce(len(places), 0) as occurrences, "
        "coalesce(places, []::varchar[]) as repeated_at, characters, text, payload, "
        f"{quote_literal(corpus.label)} as artifact from {documents} as documents left join ("
        "select document_id, list(path || ':' || line order by filename, file_row_number) "
        f"as places from {repeats} group by document_id) as again using (document_id)"
    )
