"""The path from a metric to one document: which sequences, which steps, where and how often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.chain import Chain, ConsumptionLedger, follow_chain
from alignment_dagster.audit.trace.documents import describe_documents, find_document
from alignment_dagster.audit.trace.measurement import load_losses
from alignment_dagster.audit.trace.parquet import Connection, Row, connect_memory
from alignment_dagster.audit.trace.selection import has_trained_tokenizer
from alignment_dagster.audit.trace.training import limit_steps
from alignment_dagster.audit.trace.written import follow_originals
from alignment_dagster.chain import RAW_CORPUS
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.mixing.insertions import PACKED
from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.results import ResultRow
from alignment_dagster.training.step_log import SKIPPED


@dataclass(frozen=True)
class PackedDocument:
    """A document in a mix."""

    mix: Artifact
    row: Row
    """Its tokens, copies and packed tokens."""
    spans: list[Row]
    """Each piece: sequence, start, end (tokens in the sequence), document_start, copy."""
    redacted: list[Row]
    """Of each kind that the recipe takes out: spans and characters of one copy."""
    treated: list[Row]
    """Each rule that treated it: rule, treatment, tag, tokens; none where the recipe has none."""
    inserted: list[Row]
    """Where it stands in another document, and which stand in it: rule, document_id, host_id,
    offset (bytes of the host's text), host_start (tokens), state."""


@dataclass(frozen=True)
class LedgerRead:
    """How one ledger read the document."""

    ledger: ConsumptionLedger
    seed: int
    steps: list[Row]
    """Step, the sequences or the times that it read the document in, and of sequences whether the
    guard left the step out."""

    @property
    def is_trained_on(self) -> bool:
        """Whether anything was learnt from what it read."""
        return any(not row.get(SKIPPED) for row in self.steps)


@dataclass(frozen=True)
class DocumentPath:
    """All that joins a metric and a document."""

    chain: Chain
    document_id: str
    known: Row
    """`raw`, `scores` and `dispositions`."""
    packed: list[PackedDocument]
    read: list[LedgerRead]
    tokenizer: bool
    """Whether the vocabulary was trained on it."""
    losses: list[Row]
    """Its held-out losses in the metric, by seed."""
    written: list[Row]
    """How it was written, and what it was rewritten from; nothing where it was not written."""

    @property
    def is_trained_on(self) -> bool:
        return any(one.is_trained_on for one in self.read)


def trace_document(opened: OpenedReport, row: ResultRow, name: str) -> DocumentPath:
    """The path from a metric to the document whose id begins with `name`.

    Raises:
        ArtifactError: if the report knows no such document (names near ones), or several.
    """
    chain = follow_chain(opened.archive, row)
    with connect_memory() as connection:
        # A document that had no part in the metric is known too, and said to have had none.
        corpora = [each for each in opened.ancestors if each.asset == RAW_CORPUS]
        one = find_document(connection, corpora, name)
        packed = [find_packed(connection, mix, one) for mix in chain.mixes]
        found = [each for each in packed if each is not None]
        return DocumentPath(
            chain=chain,
            document_id=one,
            known=describe_documents(connection, chain, [one], opened.ancestors)[one],
            packed=found,
            read=[
                find_reads(connection, ledger, replicate.seed, one, found)
                for replicate in chain.replicates
                for ledger in replicate.ledgers
            ],
            tokenizer=has_trained_tokenizer(connection, opened.archive, chain.tokenizers, one),
            losses=_find_losses(connection, chain, one),
            written=follow_originals(connection, corpora, one),
        )


def find_packed(connection: Connection, mix: Artifact, document: str) -> PackedDocument | None:
    """A document in a mix; None where it is not in it."""
    found = fetch_rows(
        connection,
        "select file_row_number as row, tokens, copies, packed_tokens "
        "from read_parquet(?, file_row_number = true) where document_id = ?",
        str(mix.path / file_names.DOCUMENTS),
        document,
    )
    if not found:
        return None
    spans = fetch_rows(
        connection,
        'select "sequence", start, "end", document_start, copy from read_parquet(?) '
        'where document = ? order by "sequence", start',
        str(mix.path / file_names.SPANS),
        found[0]["row"],
    )
    redacted = []
    if file_names.REDACTIONS in mix.manifest.files:
        redacted = fetch_rows(
            connection,
            "select kind, spans, characters from read_parquet(?) where document_id = ?",
            str(mix.path / file_names.REDACTIONS),
            document,
        )
    treated = mix.path / file_names.TREATED
    rows = (
        fetch_rows(
            connection,
            "select rule, treatment, tag, tokens from read_parquet(?) where document_id = ? "
            "order by all",
            str(treated),
            document,
        )
        if treated.exists()
        else []
    )
    inserted = [row for row in find_insertions(connection, mix, document) if row["state"] == PACKED]
    return PackedDocument(mix, found[0], spans, redacted, rows, inserted)


def find_insertions(connection: Connection, mix: Artifact, document: str) -> list[Row]:
    """Into which document it is inserted, and which are inserted into it."""
    if file_names.INSERTIONS not in mix.manifest.files:
        return []
    return fetch_rows(
        connection,
        'select rule, document_id, host_id, "offset", host_start, state from read_parquet(?) '
        "where ? in (document_id, host_id) order by host_start, document_id",
        str(mix.path / file_names.INSERTIONS),
        document,
    )


def packed_as_json(packed: PackedDocument) -> Row:
    """What a mix holds of a document."""
    return {
        "mix": packed.mix.label,
        **packed.row,
        "redacted": packed.redacted,
        "treated": packed.treated,
        "inserted": packed.inserted,
        "spans": packed.spans,
    }


def list_sequences(packed: Sequence[PackedDocument], mix: Artifact) -> list[int]:
    """The sequences of a mix that hold the document."""
    spans = [span for one in packed if one.mix.label == mix.label for span in one.spans]
    return sorted({span["sequence"] for span in spans})


def find_reads(
    connection: Connection,
    ledger: ConsumptionLedger,
    seed: int,
    document: str,
    packed: Sequence[PackedDocument],
) -> LedgerRead:
    """The steps of a ledger that read a document; `packed` says where it lies in mixes."""
    upto, values = limit_steps(ledger)
    if ledger.mix is not None:
        sequences = list_sequences(packed, ledger.mix)
        found = fetch_rows(
            connection,
            "select step, list_sort(list_intersect(sequences, ?::integer[])) as sequences "
            f"from read_parquet(?) where {upto} and list_has_any(sequences, ?::integer[]) "
            "order by step",
            sequences,
            *values,
            sequences,
        )
        steps = [{**row, SKIPPED: row["step"] in ledger.skipped} for row in found]
        return LedgerRead(ledger, seed, steps)
    found = fetch_rows(
        connection,
        "select step, len(list_filter(documents, lambda one: one = ?)) as times "
        f"from read_parquet(?) where {upto} and list_contains(documents, ?) order by step",
        document,
        *values,
        document,
    )
    return LedgerRead(ledger, seed, found)


def _find_losses(connection: Connection, chain: Chain, document: str) -> list[Row]:
    if chain.row.metric != BITS_PER_BYTE:
        return []
    load_losses(connection, chain)
    return fetch_rows(
        connection,
        "select seed, nll, tokens, bytes from measured where document_id = ? order by seed",
        document,
    )


def path_as_json(path: DocumentPath, name: str) -> Mapping[str, Any]:
    """The path as JSON."""
    return {
        "metric": name,
        "document_id": path.document_id,
        "trained_on": path.is_trained_on,
        "trained_tokenizer": path.tokenizer,
        **path.known,
        "packed": [packed_as_json(one) for one in path.packed],
        "read": [
            {
                "stage": one.ledger.stage,
                "seed": one.seed,
                "artifact": one.ledger.checkpoint.label,
                "first_step": one.steps[0]["step"] if one.steps else None,
                "last_step": one.steps[-1]["step"] if one.steps else None,
                "steps": one.steps,
            }
            for one in path.read
        ],
        "losses": path.losses,
        "written": path.written,
    }
