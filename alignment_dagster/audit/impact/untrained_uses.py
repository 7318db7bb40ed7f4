"""Where withdrawn documents counted without being trained on: losses, vocabularies, classifiers."""

from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.parquet import Connection
from alignment_dagster.audit.trace.selection import TRAINS_TOKENIZER, find_tokenizer_corpus
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact


@dataclass(frozen=True)
class LossUse:
    """Held-out losses that were measured on withdrawn documents."""

    measurement: Artifact
    stage: str
    source: str
    documents: int


@dataclass(frozen=True)
class TokenizerUse:
    """A vocabulary that was trained on withdrawn documents."""

    tokenizer: Artifact
    documents: int


@dataclass(frozen=True)
class ClassifierUse:
    """A classifier that learnt from withdrawn documents."""

    classifier: Artifact
    documents: int


def find_classifier_uses(connection: Connection, archive: Archive) -> list[ClassifierUse]:
    """Every classifier in the lake that learnt from any of them."""
    files = {
        str(one.path / file_names.EXAMPLES): one
        for one in archive.with_files()
        if one.asset == chain.CLASSIFIER
    }
    if not files:
        return []
    found = fetch_rows(
        connection,
        "select filename, count(*) as documents from read_parquet(?, filename = true) "
        "where use = 'trained' and document_id in (select document_id from withdrawn) "
        "group by filename order by filename",
        list(files),
    )
    return [ClassifierUse(files[str(row["filename"])], row["documents"]) for row in found]


def find_loss_uses(connection: Connection, archive: Archive) -> list[LossUse]:
    """Every measurement whose held-out losses include any of them."""
    files = {
        str(artifact.path / file_names.LOSSES): artifact
        for artifact in archive.with_files()
        if file_names.LOSSES in artifact.manifest.files
    }
    if not files:
        return []
    found = fetch_rows(
        connection,
        "select filename, stage, source, count(*) as documents "
        "from read_parquet(?, filename = true) where bytes > 0 "
        "and document_id in (select document_id from withdrawn) "
        "group by all order by filename, stage, source",
        list(files),
    )
    return [LossUse(files[str(row.pop("filename"))], **row) for row in found]


def load_known(connection: Connection, archive: Archive, documents: Artifact) -> None:
    """The table `known`: what the warehouse says of the withdrawn, now and for each vocabulary."""
    files = [corpus[0] for _, corpus in _tokenizers(archive)]
    connection.execute(
        "create or replace temp table known as select filename, document_id, fingerprint, "
        f"held_out, {TRAINS_TOKENIZER} as trains from read_parquet(?, filename = true) "
        "where document_id in (select document_id from withdrawn)",
        [sorted({*files, str(documents.path / file_names.DOCUMENTS)})],
    )


def find_tokenizer_uses(connection: Connection, archive: Archive) -> list[TokenizerUse]:
    """Every vocabulary in the lake that was trained on any of them."""
    found = []
    for one, corpus in _tokenizers(archive):
        count = fetch_rows(
            connection,
            "select count(*) as count from known "
            "where trains and filename = ? and document_id <= ?",
            *corpus,
        )[0]["count"]
        found += [TokenizerUse(one, count)] if count else []
    return found


def _tokenizers(archive: Archive) -> list[tuple[Artifact, tuple[str, str]]]:
    """Those that were trained, with the table and the highest id of what they were trained on."""
    every = (one for one in archive.with_files() if one.asset == chain.TOKENIZER)
    found = ((one, find_tokenizer_corpus(archive, one)) for one in every)
    return [(one, corpus) for one, corpus in found if corpus is not None]


def find_raw_corpora(connection: Connection, archive: Archive) -> list[tuple[Artifact, int]]:
    """Every raw corpus in the lake that holds any of them, and how many."""
    corpora = {one.label: one for one in archive.with_files() if one.asset == chain.RAW_CORPUS}
    found = fetch_rows(
        connection,
        "select artifact, count(*) as count from raw_rows group by artifact order by artifact",
    )
    return [(corpora[str(row["artifact"])], row["count"]) for row in found]
