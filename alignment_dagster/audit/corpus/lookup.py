"""What the corpus knows of single documents: where a name leads, text, metadata, and causes."""

from collections.abc import Sequence

from alignment_dagster import chain
from alignment_dagster.audit.corpus.current import Corpus, current_artifacts
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.documents import find_raw_rows
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_paths
from alignment_dagster.study.conditions import Score

SHOWN = 5
"""Of several documents, in a message."""


def find_at_place(connection: Connection, corpus: Corpus, name: str) -> str | None:
    """The document that was read at `file:line`, also where it was read again; None where none was.

    Raises:
        ArtifactError: if the row there is quarantined, or several documents were read there.
    """
    path, colon, line = name.rpartition(":")
    if not (colon and path and line.isascii() and line.isdigit()):
        return None
    for table in (file_names.RAW_DOCUMENTS, file_names.REPEATS):
        found = fetch_rows(
            connection,
            "select distinct document_id from read_parquet(?) where path = ? and line = ? "
            "order by document_id",
            shard_paths(corpus.raw, table),
            path,
            int(line),
        )
        if len(found) > 1:
            ids = ", ".join(str(row["document_id"])[:16] for row in found[:SHOWN])
            raise ArtifactError(f"{name}: {len(found)} documents were read there: {ids}: name one")
        if found:
            return str(found[0]["document_id"])
    refused = fetch_rows(
        connection,
        "select reason from read_parquet(?) where path = ? and line = ? limit 1",
        shard_paths(corpus.raw, file_names.QUARANTINE),
        path,
        int(line),
    )
    if refused:
        reason = visible(refused[0]["reason"])
        raise ArtifactError(f"{name}: is quarantined, and no document: {reason}")
    return None


def find_text(connection: Connection, corpus: Corpus, document: str) -> str:
    """The whole text of a document."""
    found = fetch_rows(
        connection,
        "select text from read_parquet(?) where document_id = ? limit 1",
        shard_paths(corpus.raw, file_names.RAW_DOCUMENTS),
        document,
    )
    return str(found[0]["text"])


def find_metadata(
    connection: Connection, corpora: Sequence[Artifact], document: str
) -> dict[str, Score]:
    """What the source brought along for a document: declared column → its value."""
    files = shard_paths(corpora, file_names.METADATA)
    if not files:
        return {}
    found = fetch_rows(
        connection,
        'select distinct "column", number, "text" from read_parquet(?) where document_id = ? '
        'order by "column"',
        files,
        document,
    )
    return {row["column"]: row["number"] if row["text"] is None else row["text"] for row in found}


def _earlier_versions(corpus: Corpus) -> list[Artifact]:
    """What near duplicates were looked for in, besides the sources as they are."""
    near = current_artifacts(corpus.archive, chain.NEAR_DUPLICATES)
    found = [one for each in near for one in corpus.archive.parents(each)]
    known = {one.label for one in corpus.raw}
    return [one for one in found if one.asset == chain.RAW_CORPUS and one.label not in known]


def describe_cause(connection: Connection, corpus: Corpus, cause: str) -> Row:
    """`kind`: a document with its place, or an evaluation item with its suite and question."""
    if found := find_raw_rows(connection, corpus.raw, [cause]):
        return {"kind": "document", "gone": None, **found[0]}
    for one in _earlier_versions(corpus):
        if found := find_raw_rows(connection, [one], [cause]):
            return {"kind": "document", "gone": one.label, **found[0]}
    for report in current_artifacts(corpus.archive, chain.EVAL_REPORT):
        asked = fetch_rows(
            connection,
            "select suite, path, line, question from read_parquet(?) where item_id = ? limit 1",
            str(report.path / file_names.QUESTIONS),
            cause,
        )
        if asked:
            return {"kind": "item", **asked[0]}
    for measured in current_artifacts(corpus.archive, chain.EVALUATION):
        asked = fetch_rows(
            connection,
            "select suite from read_parquet(?) where item_id = ? limit 1",
            str(measured.path / file_names.ITEMS),
            cause,
        )
        if asked:
            return {"kind": "item", **asked[0]}
    return {"kind": "item"}
