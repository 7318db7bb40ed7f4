"""Where withdrawn documents counted without being trained on: losses, vocabularies, corpora."""

from dataclasses import dataclass

from alignment_dagster.audit.ledgers import rows
from alignment_dagster.audit.trace.documents import RAW
from alignment_dagster.audit.trace.parquet import Connection
from alignment_dagster.audit.trace.selection import TRAINS_TOKENIZER, vocabulary
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact


@dataclass(frozen=True)
class InLosses:
    """Held-out losses that were measured on withdrawn documents."""

    measured: Artifact
    stage: str
    source: str
    documents: int


@dataclass(frozen=True)
class InTokenizer:
    """A vocabulary that was trained on withdrawn documents."""

    tokenizer: Artifact
    documents: int


def losses(connection: Connection, archive: Archive) -> list[InLosses]:
    """Every measurement whose held-out losses include any of them."""
    files = {
        str(artifact.path / "losses.parquet"): artifact
        for artifact in archive.kept()
        if "losses.parquet" in artifact.manifest.files
    }
    if not files:
        return []
    found = rows(
        connection,
        "select filename, stage, source, count(*) as documents "
        "from read_parquet(?, filename = true) where bytes > 0 "
        "and document_id in (select document_id from withdrawn) "
        "group by all order by filename, stage, source",
        list(files),
    )
    return [InLosses(files[str(row.pop("filename"))], **row) for row in found]


def hold_known(connection: Connection, archive: Archive, documents: Artifact) -> None:
    """The table `known`: what the warehouse says of the withdrawn, now and for each vocabulary."""
    files = [vocabulary(archive, one)[0] for one in _tokenizers(archive)]
    connection.execute(
        "create or replace temp table known as select filename, document_id, fingerprint, "
        f"held_out, {TRAINS_TOKENIZER} as trains from read_parquet(?, filename = true) "
        "where document_id in (select document_id from withdrawn)",
        [sorted({*files, str(documents.path / RAW)})],
    )


def tokenizers(connection: Connection, archive: Archive) -> list[InTokenizer]:
    """Every vocabulary in the lake that was trained on any of them."""
    found = []
    for one in _tokenizers(archive):
        count = rows(
            connection,
            "select count(*) as count from known "
            "where trains and filename = ? and document_id <= ?",
            *vocabulary(archive, one),
        )[0]["count"]
        found += [InTokenizer(one, count)] if count else []
    return found


def _tokenizers(archive: Archive) -> list[Artifact]:
    return [one for one in archive.kept() if one.asset == "tokenizer"]


def holding(connection: Connection, archive: Archive) -> list[tuple[Artifact, int]]:
    """Every raw corpus in the lake that holds any of them, and how many."""
    files = {str(one.path / RAW): one for one in archive.kept() if one.asset == "raw_corpus"}
    found = rows(
        connection,
        "select filename, count(*) as count from raw_rows group by filename order by filename",
    )
    return [(files[str(row["filename"])], row["count"]) for row in found]
