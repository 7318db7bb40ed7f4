"""Everything behind a metric as Parquet: every document, item, sequence and artifact."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.raw_rows import select_raw_rows
from alignment_dagster.audit.record_tables import build_record_tables
from alignment_dagster.audit.trace.documents import list_disposition_files
from alignment_dagster.audit.trace.measurement import load_answers, load_losses
from alignment_dagster.audit.trace.metric_trace import Trace
from alignment_dagster.audit.trace.parquet import Connection, connect_memory
from alignment_dagster.audit.trace.selection import select_tokenizer_documents
from alignment_dagster.audit.trace.training import limit_steps, select_part_reads
from alignment_dagster.foundation.atomic_files import atomic_folder
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.sql_literals import quote_literal
from alignment_dagster.lineage import file_names

README = """# Everything behind {name}

Report: {report}, study {study}. Written by `alignment audit trace`; no texts are in it.

- `documents.parquet`: one row for each document that could have influenced the number and each use
  that was made of it (`use`: `trunk`, `pretraining`, `sft`, `dpo`, `grpo`, a tampering,
  `tokenizer`, `measured`). `tokens` over all seeds (null where the ledgers know them only by
  step), `times` that it was read over all seeds, `seeds` that read it, what the recipe decided
  (`state`, `rule`, `value`, `cause`, `weight`), and where its raw row stands (`source`, `path`,
  `line`, `repeated_at`).
- `items.parquet`: one row for each answer (or held-out document) and seed.
- `sequences.parquet`: for each seed and sequence of the mix the step that read it; a document's
  sequences are in the mix's `spans.parquet`.
- `artifacts.parquet`: the measurements and all their ancestors, with their digests and records.
"""


def export_closure(opened: OpenedReport, trace: Trace, folder: Path) -> None:
    """Write everything behind a metric to a new folder; it is written aside and renamed.

    Raises:
        ArtifactError: if the folder exists, or cannot be written.
    """
    if folder.exists():
        raise ArtifactError(f"{folder}: exists; name a new folder")
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder) as aside:
            with connect_memory() as connection:
                _write_items(connection, trace, aside / file_names.ITEMS)
                _write_documents(connection, opened, trace, aside / file_names.DOCUMENTS)
                _write_sequences(connection, trace, aside / "sequences.parquet")
            found = build_record_tables(opened.archive, trace.chain.artifacts)["artifacts"]
            pq.write_table(found, aside / "artifacts.parquet")
            text = README.format(name=trace.name, report=trace.report.label, study=trace.study)
            (aside / "README.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be written ({error})") from None


def _copy_query(connection: Connection, sql: str, values: list[Any], path: Path) -> None:
    connection.execute(
        f"copy ({sql}) to {quote_literal(str(path))} (format parquet, compression zstd)", values
    )


def _write_documents(
    connection: Connection, opened: OpenedReport, trace: Trace, path: Path
) -> None:
    """Uses, with what was decided and where the raw row stands; each use of a document once."""
    uses, values = [], []
    for sql, given in _select_uses(opened, trace):
        uses.append(f"select document_id, use, times, tokens, seeds from ({sql})")
        values += given
    corpora = trace.chain.ancestors_of(chain.RAW_CORPUS)
    decided = (
        "select distinct on (document_id) document_id, state, rule, value, cause, weight "
        "from read_parquet(?)"
    )
    raw = (
        "select distinct on (document_id) document_id, source, path, line, repeated_at, "
        f"occurrences, characters from ({select_raw_rows(corpora)})"
    )
    _copy_query(
        connection,
        f"select uses.document_id, uses.use, raw.source, uses.times, uses.tokens, uses.seeds, "
        "decided.state, decided.rule, decided.value, decided.cause, decided.weight, raw.path, "
        "raw.line, raw.repeated_at, raw.occurrences, raw.characters "
        f"from ({' union all '.join(uses)}) as uses "
        f"left join ({raw}) as raw using (document_id) "
        f"left join ({decided}) as decided using (document_id) order by uses.use, raw.source, "
        "raw.path, raw.line, uses.document_id",
        [
            *values,
            list_disposition_files(trace.chain),
        ],
        path,
    )


def _select_uses(opened: OpenedReport, trace: Trace) -> Iterator[tuple[str, list[Any]]]:
    for mix in trace.mixes:
        seeds = len(mix.seeds)
        if not mix.whole:
            part, of = select_part_reads(trace.chain, mix.mix)
            yield (
                "select document_id, 'trunk' as use, count(distinct (seed, copy)) as times, "
                "sum(tokens)::bigint as tokens, count(distinct seed) as seeds "
                f"from ({part}) group by document_id",
                of,
            )
            continue
        yield (
            "select document_id, 'pretraining' as use, copies * ? as times, "
            "packed_tokens * ? as tokens, ?::bigint as seeds from read_parquet(?)",
            [seeds, seeds, seeds, str(mix.mix.path / file_names.DOCUMENTS)],
        )
    for stage in trace.chain.fine_tuning:
        pieces, values = [], []
        for number, ledger in enumerate(trace.chain.ledgers(stage)):
            upto, given = limit_steps(ledger)
            pieces.append(
                f"select unnest(documents) as document_id, {number} as ledger "
                f"from read_parquet(?) where {upto}"
            )
            values += given
        yield (
            "select document_id, ? as use, count(*) as times, null::bigint as tokens, "
            f"count(distinct ledger) as seeds from ({' union all '.join(pieces)}) "
            "group by document_id",
            [stage, *values],
        )
    documents, read = select_tokenizer_documents(opened.archive, trace.chain.tokenizers)
    yield (
        "select distinct document_id, 'tokenizer' as use, null::bigint as times, "
        f"null::bigint as tokens, null::bigint as seeds from ({documents})",
        read,
    )
    if trace.measurement.kind == "documents":
        yield (
            "select document_id, 'measured' as use, count(*) as times, "
            "sum(tokens)::bigint as tokens, count(distinct seed) as seeds from measured "
            "group by document_id",
            [],
        )


def _write_items(connection: Connection, trace: Trace, path: Path) -> None:
    """The answers, or the losses, of the metric; also held as a table for `_write_documents`."""
    if trace.measurement.kind == "documents":
        load_losses(connection, trace.chain)
        _copy_query(
            connection, "select * from measured order by seed, source, document_id", [], path
        )
    else:
        load_answers(connection, trace.chain)
        _copy_query(connection, "select * from asked order by seed, item_id, form", [], path)


def _write_sequences(connection: Connection, trace: Trace, path: Path) -> None:
    pieces, values = [], []
    found = [(one, each) for one in trace.chain.replicates for each in one.ledgers]
    for replicate, ledger in found:
        if ledger.mix is not None:
            upto, given = limit_steps(ledger)
            pieces.append(
                'select ? as mix, ?::bigint as seed, unnest(sequences) as "sequence", step '
                f"from read_parquet(?) where {upto}"
            )
            values += [ledger.mix.label, replicate.seed, *given]
    _copy_query(
        connection,
        f'select * from ({" union all ".join(pieces)}) order by mix, seed, "sequence", step',
        values,
        path,
    )
