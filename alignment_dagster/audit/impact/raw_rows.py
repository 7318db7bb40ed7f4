"""The withdrawn documents themselves: their raw rows, what was decided of them, their doubles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact


@dataclass(frozen=True)
class WithdrawnRows:
    """What the report's corpus knows of the withdrawn documents."""

    files: list[Row]
    """Source and file: documents, and rows with all repeats."""
    documents: list[Row]
    """Each document that was named by its id: place, repeats, and what each recipe decided."""
    decided: list[Row]
    """Recipe, use, state and rule: documents."""
    doubles: list[Row]
    """Documents with the same text, or nearly, that are not withdrawn: `document_id`, `of`,
    `takes_place`."""
    held_out: int
    """How many of them are held out."""


def find_withdrawn_rows(
    connection: Connection,
    corpus: Sequence[Artifact],
    documents: Artifact,
    dispositions: Sequence[Path],
    ids: Sequence[str],
) -> WithdrawnRows:
    """Look the withdrawn (tables `withdrawn`, `raw_rows`, `known`) up in the corpus of a report.

    Args:
        corpus: the raw corpora as they are now; the ancestors may hold older ones too.
        documents: the report's warehouse table of all documents.
        dispositions: the files by which it was decided what is read.
        ids: those to describe one by one.
    """
    corpora = [one.label for one in corpus]
    table = str(documents.path / file_names.DOCUMENTS)
    _load_decided(connection, dispositions)
    held_out = fetch_rows(
        connection,
        "select count(*) as count from known where held_out and filename = ?",
        table,
    )
    return WithdrawnRows(
        files=_find_files(connection, corpora),
        documents=_find_documents(connection, corpora, ids),
        decided=fetch_rows(
            connection,
            "select recipe, use, state, rule, count(distinct document_id) as documents "
            "from decided group by all order by recipe, use, state desc, documents desc, rule",
        ),
        doubles=_find_duplicates(connection, table, dispositions),
        held_out=held_out[0]["count"],
    )


def _find_files(connection: Connection, corpora: Sequence[str]) -> list[Row]:
    return fetch_rows(
        connection,
        "select source, path, count(distinct document_id) as documents, "
        "sum(occurrences)::bigint as rows from raw_rows "
        "where list_contains(?::varchar[], artifact) group by all order by source, path",
        list(corpora),
    )


def _find_documents(
    connection: Connection, corpora: Sequence[str], ids: Sequence[str]
) -> list[Row]:
    """Those that were named, each with what the recipes decided of it."""
    found = fetch_rows(
        connection,
        "select distinct on (document_id) document_id, source, path, line, occurrences, "
        "repeated_at from raw_rows where list_contains(?::varchar[], artifact) "
        "and document_id in (select unnest(?::varchar[])) order by source, path, line",
        list(corpora),
        list(ids),
    )
    decided: dict[str, dict[str, list[Row]]] = {}
    for row in fetch_rows(
        connection,
        "select * from decided where document_id in (select unnest(?::varchar[])) "
        "order by recipe, use",
        list(ids),
    ):
        recipes = decided.setdefault(str(row.pop("document_id")), {})
        recipes.setdefault(str(row.pop("recipe")), []).append(row)
    return [{**row, "recipes": decided.get(row["document_id"], {})} for row in found]


def _load_decided(connection: Connection, dispositions: Sequence[Path]) -> None:
    """The table `decided`: what every recipe behind the report decided of the withdrawn."""
    connection.execute(
        "create or replace temp table decided as select distinct document_id, "
        "string_split(filename, '/')[-2] as recipe, use, state, rule, value, cause, weight "
        "from read_parquet(?, filename = true) "
        "where document_id in (select document_id from withdrawn)",
        [[str(path) for path in dispositions]],
    )


def _find_duplicates(connection: Connection, table: str, dispositions: Sequence[Path]) -> list[Row]:
    """Documents whose text has the fingerprint of a withdrawn one, or was dropped as nearly its.

    `takes_place`: it was dropped because of a withdrawn document (under a recipe, or as the first
    copy of all), and the first of these would be kept in its stead. `role` says where its text is
    read.
    """
    return fetch_rows(
        connection,
        "with marks as (select fingerprint, min(document_id) as first from known "
        "where fingerprint is not null and filename = ? group by fingerprint) "
        "select other.document_id, source, role, path, line, duplicate_of, "
        'marks.first as "of", '
        "coalesce(duplicate_of in (select document_id from withdrawn), false) "
        "or document_id in (select document_id from read_parquet(?) "
        "where cause in (select document_id from withdrawn)) as takes_place "
        "from read_parquet(?) as other join marks using (fingerprint) "
        "where document_id not in (select document_id from withdrawn) "
        "union all by name "
        'select document_id, other.source, role, path, line, duplicate_of, min(cause) as "of", '
        "true as takes_place from read_parquet(?) as dropped "
        "join read_parquet(?) as other using (document_id) "
        "where rule = 'near_duplicate' and cause in (select document_id from withdrawn) "
        "and document_id not in (select document_id from withdrawn) "
        "and other.fingerprint not in (select fingerprint from marks) group by all "
        "order by source, path, line",
        table,
        [str(path) for path in dispositions],
        table,
        [str(path) for path in dispositions],
        table,
    )
