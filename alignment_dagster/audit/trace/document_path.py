"""The path from a metric to one document: which sequences, which steps, where and how often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.audit.ledgers import rows
from alignment_dagster.audit.open_report import Opened
from alignment_dagster.audit.trace.chain import PRETRAINING, Chain, Ledger, chain_of
from alignment_dagster.audit.trace.documents import RAW, details, find_document
from alignment_dagster.audit.trace.measurement import read_losses
from alignment_dagster.audit.trace.parquet import Connection, Row, parquet
from alignment_dagster.audit.trace.selection import trains_tokenizer
from alignment_dagster.audit.trace.training import until
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.results import ResultRow


@dataclass(frozen=True)
class Packed:
    """A document in a mix."""

    mix: Artifact
    row: Row
    """Its tokens, copies and packed tokens."""
    spans: list[Row]
    """Each piece: sequence, start, end (tokens in the sequence), document_start, copy."""


@dataclass(frozen=True)
class Read:
    """How one ledger read the document."""

    ledger: Ledger
    seed: int
    steps: list[Row]
    """Step, and the sequences or the times that it read the document in."""


@dataclass(frozen=True)
class DocumentPath:
    """All that joins a metric and a document."""

    chain: Chain
    document_id: str
    known: Row
    """`raw`, `scores` and `dispositions`."""
    packed: list[Packed]
    read: list[Read]
    tokenizer: bool
    """Whether the vocabulary was trained on it."""
    losses: list[Row]
    """Its held-out losses in the metric, by seed."""

    @property
    def trained_on(self) -> bool:
        return any(one.steps for one in self.read)


def trace_document(opened: Opened, row: ResultRow, name: str) -> DocumentPath:
    """The path from a metric to the document whose id begins with `name`.

    Raises:
        ArtifactError: if the report knows no such document (names near ones), or several.
    """
    chain = chain_of(opened.archive, row)
    with parquet() as connection:
        # A document that had no part in the metric is known too, and said to have had none.
        corpora = [each for each in opened.closure if each.asset == "raw_corpus"]
        one = find_document(connection, corpora, name)
        packed = [_packed(connection, mix, one) for mix in chain.mixes]
        found = [each for each in packed if each is not None]
        return DocumentPath(
            chain=chain,
            document_id=one,
            known=details(connection, chain, [one], opened.closure)[one],
            packed=found,
            read=[
                _read(connection, ledger, replicate.seed, one, _pieces(found, replicate.mix))
                for replicate in chain.replicates
                for ledger in replicate.ledgers
            ],
            tokenizer=trains_tokenizer(connection, opened.archive, chain.tokenizers, one),
            losses=_losses(connection, chain, one),
        )


def _packed(connection: Connection, mix: Artifact, document: str) -> Packed | None:
    found = rows(
        connection,
        "select file_row_number as row, tokens, copies, packed_tokens "
        "from read_parquet(?, file_row_number = true) where document_id = ?",
        str(mix.path / RAW),
        document,
    )
    if not found:
        return None
    spans = rows(
        connection,
        'select "sequence", start, "end", document_start, copy from read_parquet(?) '
        'where document = ? order by "sequence", start',
        str(mix.path / "spans.parquet"),
        found[0]["row"],
    )
    return Packed(mix, found[0], spans)


def _pieces(packed: Sequence[Packed], mix: Artifact) -> list[int]:
    """The sequences of a mix that hold the document."""
    spans = [span for one in packed if one.mix.label == mix.label for span in one.spans]
    return sorted({span["sequence"] for span in spans})


def _read(
    connection: Connection, ledger: Ledger, seed: int, document: str, sequences: Sequence[int]
) -> Read:
    if ledger.stage == PRETRAINING:
        found = rows(
            connection,
            "select step, list_sort(list_intersect(sequences, ?::integer[])) as sequences "
            "from read_parquet(?) where list_has_any(sequences, ?::integer[]) order by step",
            list(sequences),
            str(ledger.path),
            list(sequences),
        )
        return Read(ledger, seed, found)
    upto, values = until(ledger)
    found = rows(
        connection,
        "select step, len(list_filter(documents, lambda one: one = ?)) as times "
        f"from read_parquet(?) where {upto} and list_contains(documents, ?) order by step",
        document,
        *values,
        document,
    )
    return Read(ledger, seed, found)


def _losses(connection: Connection, chain: Chain, document: str) -> list[Row]:
    if chain.row.metric != BITS_PER_BYTE:
        return []
    read_losses(connection, chain)
    return rows(
        connection,
        "select seed, nll, tokens, bytes from measured where document_id = ? order by seed",
        document,
    )


def path_data(path: DocumentPath, name: str) -> Mapping[str, Any]:
    """The path as JSON."""
    return {
        "metric": name,
        "document_id": path.document_id,
        "trained_on": path.trained_on,
        "trained_tokenizer": path.tokenizer,
        **path.known,
        "packed": [{"mix": one.mix.label, **one.row, "spans": one.spans} for one in path.packed],
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
    }
