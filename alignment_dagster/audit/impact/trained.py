"""Where withdrawn documents were read: mixes, checkpoints, fine-tuning, losses, vocabularies."""

from collections.abc import Iterable
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.audit.ledgers import consumption_files, fetch_rows, find_skipped
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.audit.trace.training import read_mix_shape
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact


@dataclass(frozen=True)
class MixUse:
    """A mix that holds withdrawn documents."""

    mix: Artifact
    documents: int
    copies: int
    tokens: int
    share: float
    sequences: int
    """Sequences with at least one of their tokens."""
    of_sequences: int


@dataclass(frozen=True)
class TrainingUse:
    """A ledger that read withdrawn documents in steps that were taken."""

    checkpoint: Artifact
    stage: str
    first_step: int
    steps: int
    """Steps that read any of them."""
    of_steps: int
    documents: int
    tokens: int | None
    """Their tokens; None for conversations, whose ledger counts tokens by step only."""
    share: float
    """Of tokens, or for conversations of the examples read."""


def find_pretraining_uses(
    connection: Connection, archive: Archive
) -> tuple[list[MixUse], list[TrainingUse]]:
    """Every mix in the lake that holds any of them, and every checkpoint that was trained on it."""
    mixes, training = [], []
    kept = {one.label for one in archive.with_files()}
    for mix in (one for one in archive.with_files() if one.asset == chain.CURATED_MIX):
        found = _find_mix_use(connection, mix)
        if found is not None:
            mixes.append(found)
            for child in archive.children(mix):
                if child.asset in chain.PRETRAINING_STAGES and child.label in kept:
                    training += _find_training_uses(connection, child)
    return mixes, training


def _find_mix_use(connection: Connection, mix: Artifact) -> MixUse | None:
    """What a mix holds; its tables `packed` and `touched` stay for the checkpoints."""
    connection.execute(
        "create or replace temp table packed as "
        "select file_row_number::integer as row, copies, packed_tokens "
        "from read_parquet(?, file_row_number = true) "
        "where document_id in (select document_id from withdrawn)",
        [str(mix.path / file_names.DOCUMENTS)],
    )
    packed = fetch_rows(
        connection,
        "select count(*) as documents, sum(copies)::bigint as copies, "
        "sum(packed_tokens)::bigint as tokens from packed",
    )[0]
    if not packed["documents"]:
        return None
    _load_touched_sequences(connection, mix)
    touched = fetch_rows(connection, "select count(*) as sequences from touched")[0]
    sequences, length = read_mix_shape(mix)
    share = packed["tokens"] / (sequences * length)
    return MixUse(mix, **packed, share=share, **touched, of_sequences=sequences)


def find_guests(connection: Connection, artifacts: Iterable[Artifact]) -> list[Row]:
    """Documents that would stay, and stand in withdrawn ones: `document_id` and `source`.

    Also those whose host a mix has not reached: without it they could not be placed.
    """
    mixes = (one for one in artifacts if one.asset == chain.CURATED_MIX)
    files = [
        str(mix.path / file_names.INSERTIONS)
        for mix in mixes
        if file_names.INSERTIONS in mix.manifest.files
    ]
    if not files:
        return []
    return fetch_rows(
        connection,
        "select distinct document_id, source from read_parquet(?) "
        "where host_id in (select document_id from withdrawn) "
        "and document_id not in (select document_id from withdrawn) order by all",
        files,
    )


def _load_touched_sequences(connection: Connection, mix: Artifact) -> None:
    """The table `touched`: each sequence that holds tokens of them, and how many."""
    connection.execute(
        'create or replace temp table touched as select "sequence", '
        'sum("end" - start)::bigint as tokens, list(distinct document) as rows '
        "from read_parquet(?) where document in (select row from packed) group by all",
        [str(mix.path / file_names.SPANS)],
    )


def _find_training_uses(connection: Connection, checkpoint: Artifact) -> list[TrainingUse]:
    path = str(checkpoint.path / file_names.CONSUMPTION)
    skipped = find_skipped(checkpoint.path)
    read = fetch_rows(
        connection,
        "with read as (select step, tokens, rows from "
        '(select step, unnest(sequences) as "sequence" from read_parquet(?)) '
        'join touched using ("sequence") where not list_contains(?::bigint[], step)) '
        "select min(step) as first_step, count(distinct step) as steps, "
        "sum(tokens)::bigint as tokens, "
        "(select count(distinct row) from (select unnest(rows) as row from read)) as documents "
        "from read",
        path,
        skipped,
    )[0]
    whole = fetch_rows(
        connection, "select max(step) as steps, max(tokens) as tokens from read_parquet(?)", path
    )[0]
    if not read["steps"]:
        return []
    return [
        TrainingUse(
            checkpoint,
            chain.PRETRAINING_STAGES[checkpoint.asset],
            **read,
            of_steps=whole["steps"],
            share=read["tokens"] / whole["tokens"],
        )
    ]


def find_fine_tuning_uses(connection: Connection, archive: Archive) -> list[TrainingUse]:
    """Every ledger of SFT, DPO and tampering in the lake that read any of them."""
    files = {
        str(path): (artifact, stage)
        for artifact in archive.with_files()
        for stage, path in consumption_files(artifact)
        if artifact.asset not in chain.PRETRAINING_STAGES
    }
    if not files:
        return []
    found = fetch_rows(
        connection,
        "select filename, min(step) filter (hit) as first_step, "
        "count(distinct step) filter (hit) as steps, count(distinct step) as of_steps, "
        "count(distinct id) filter (hit) as documents, "
        "count(*) filter (hit) / count(*) as share from "
        "(select filename, step, id, id in (select document_id from withdrawn) as hit from "
        "(select filename, step, unnest(documents) as id from read_parquet(?, filename = true))) "
        "group by filename having any_value(id) filter (hit) is not null order by filename",
        list(files),
    )
    return [TrainingUse(*files[str(row.pop("filename"))], **row, tokens=None) for row in found]
