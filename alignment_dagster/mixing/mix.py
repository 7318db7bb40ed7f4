"""A recipe's mix: from kept documents to packed sequences, and the checks that it must pass."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.budget import token_budget
from alignment_dagster.mixing.document_scores import ScoreFiles
from alignment_dagster.mixing.encoding import EncodedDocuments
from alignment_dagster.mixing.inserted_documents import write_insertions
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers, read_kept_documents
from alignment_dagster.mixing.packing import CHUNK, PackedDocuments, pack
from alignment_dagster.mixing.redaction import rewriter, write_redactions
from alignment_dagster.mixing.sampling import sample
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.mixing.treated_documents import TreatedDocuments
from alignment_dagster.mixing.treated_tokens import write_treated
from alignment_dagster.mixing.treatments import decide_treatments
from alignment_dagster.study import Mix, Recipe

Report = Callable[[int, int], None]
DOCUMENTS = pa.schema(
    [
        ("document_id", pa.string()),
        ("source", pa.string()),
        ("group", pa.string()),
        ("tokens", pa.int64()),
        ("copies", pa.int64()),
        ("packed_tokens", pa.int64()),
    ]
)
ROUNDING = 1e-6
"""Tokens that adding shares may lose."""


@dataclass(frozen=True)
class MixInputs:
    """What a mix is built from: raw documents, the recipe's dispositions, and the tokenizer."""

    documents: tuple[Path, ...]
    dispositions: Path
    tokenizer: Path
    scores: ScoreFiles = field(default_factory=ScoreFiles)
    """What treatments and rewards are decided from."""


def build_mix(
    inputs: MixInputs, recipe: Recipe, mix: Mix, folder: Path, work: Path, report: Report
) -> None:
    """Write `sequences.npy`, `spans.parquet`, `documents.parquet` and `composition.parquet`.

    Where the recipe takes something out of its texts, `redactions.parquet` says what. Of one that
    treats tokens also `treatments.npy`, `treated.parquet`, and `weights.npy` and `rewards.npy`
    where it declares such, and `insertions.parquet` where it inserts documents. Where documents do
    not see each other, `boundaries.npy`.

    Neither texts nor tokens are ever in memory as a whole; what is encoded lies in `work`, and
    stays there when this is killed.

    Args:
        report: called with the number of tokenized documents, and of all; the budget may be met
            before all are.

    Raises:
        DataError: if the token budget cannot be met, or a treatment not be decided.
    """
    kept = read_kept_documents(inputs.dispositions, inputs.documents)
    decided = None
    if recipe.treats:
        decided = decide_treatments(
            kept, recipe, inputs.scores, mix.seed, inputs.dispositions, inputs.documents
        )
    encoded = EncodedDocuments(
        kept,
        inputs.documents,
        inputs.tokenizer,
        work,
        report,
        rewriter(recipe.redact),
        None if decided is None else decided.insertions.cuts(),
    )
    try:
        treated = None if decided is None else TreatedDocuments(encoded, decided, recipe)
        packable = encoded if treated is None else treated
        tokens = token_budget(inputs.dispositions, recipe, mix)
        copies = sample(kept, packable, tokens, mix, recipe.name)
        count = math.floor(sum(tokens.values()) + ROUNDING) // mix.sequence_length
        best_fit = mix.packing == "best_fit"
        packed = pack(
            packable,
            copies,
            count,
            mix.sequence_length,
            folder,
            best_fit=best_fit,
            phases=recipe.phases,
            seed=mix.seed,
        )
        _write_documents(packed, kept, packable.own_lengths, folder)
        if treated is not None:
            write_treated(packed, kept, treated, recipe, folder)
        if decided is not None and recipe.inserts:
            write_insertions(packed, kept, decided.insertions, packable, recipe, folder)
        if recipe.redact is not None:
            path = folder / file_names.REDACTIONS
            write_redactions(path, recipe.redact, kept, packed.rows, inputs.documents)
    finally:
        encoded.close()


def _write_documents(
    packed: PackedDocuments, kept: KeptDocuments, lengths: Numbers, folder: Path
) -> None:
    """One row for each packed document: its length, how often it is seen, and its packed tokens."""
    with pq.ParquetWriter(folder / file_names.DOCUMENTS, DOCUMENTS) as writer:
        for start in range(0, packed.rows.size, CHUNK):
            part = slice(start, start + CHUNK)
            rows = packed.rows[part]
            columns = {
                "document_id": kept.hex_ids(rows),
                "source": kept.source.column(rows),
                "group": kept.group.column(rows),
                "tokens": lengths[rows],
                "copies": packed.copies[part],
                "packed_tokens": packed.tokens[part],
            }
            writer.write_table(pa.table(columns).cast(DOCUMENTS))
    counted = {
        "source": kept.source.column(packed.rows),
        "group": kept.group.column(packed.rows),
        "packed_tokens": packed.tokens,
    }
    pq.write_table(composition(pa.table(counted)), folder / file_names.COMPOSITION)


def read_composition(folder: Path) -> list[dict[str, Any]]:
    """The rows of a mix's `composition.parquet`."""
    rows: list[dict[str, Any]] = pq.read_table(folder / file_names.COMPOSITION).to_pylist()
    return rows


def composition(documents: pa.Table) -> pa.Table:
    """Source and group → documents, packed tokens and their share, largest first.

    Args:
        documents: has the columns `source`, `group` and `packed_tokens`.
    """
    table = documents.group_by(["source", "group"]).aggregate(
        [("packed_tokens", "count"), ("packed_tokens", "sum")]
    )
    tokens = table["packed_tokens_sum"]
    share = pc.divide(pc.cast(tokens, pa.float64()), pc.cast(pc.sum(tokens), pa.float64()))
    named = pa.table(
        {
            "source": table["source"].cast(pa.string()),
            "group": table["group"].cast(pa.string()),
            "documents": table["packed_tokens_count"],
            "tokens": tokens,
            "share": share,
        }
    )
    return named.sort_by([("tokens", "descending"), ("source", "ascending")])


def decode_texts(folder: Path, tokenizer_folder: Path) -> Iterator[tuple[str, str]]:
    """Document id and text of everything in the mix, decoded from the packed tokens themselves.

    In the order in which their first copies lie, or where these are cut anyhow, of the documents.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    sequences = np.load(folder / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False)
    ids = pq.read_table(folder / file_names.DOCUMENTS, columns=["document_id"])["document_id"]
    last, tokens = -1, list[int]()
    for row in _first_copies(folder):
        if row["document"] != last and tokens:
            yield ids[last].as_py(), tokenizer.decode(tokens, skip_special_tokens=True)
            tokens = []
        last = row["document"]
        tokens += sequences[row["sequence"], row["start"] : row["end"]].tolist()
    if tokens:
        yield ids[last].as_py(), tokenizer.decode(tokens, skip_special_tokens=True)


@dataclass(frozen=True)
class WholeCopies:
    """How a mix's documents were cut."""

    whole: int
    """Copies that lie in one sequence, with all their tokens."""
    fitting: int
    """Copies that are no longer than a sequence."""
    cropped: int
    """Tokens of copies that lie in no sequence."""


def count_whole_copies(folder: Path, length: int) -> WholeCopies:
    """Counted in the spans of a mix with sequences of `length` tokens."""
    columns = ["tokens", "copies", "packed_tokens"]
    tokens, copies, packed = (
        column.to_numpy()
        for column in pq.read_table(folder / file_names.DOCUMENTS, columns=columns)
    )
    spans = pq.read_table(folder / file_names.SPANS)
    # What stands in a document parts it, and does not cut it.
    parted = spans.append_column("size", pc.subtract(spans["end"], spans["start"]))
    pieces = parted.group_by(["document", "copy", "sequence"]).aggregate([("size", "sum")])
    return WholeCopies(
        int((pieces["size_sum"].to_numpy() == tokens[pieces["document"].to_numpy()]).sum()),
        int(copies[tokens <= length].sum()),
        int((tokens * copies - packed).sum()),
    )


def _first_copies(folder: Path) -> Iterator[dict[str, int]]:
    """The spans of each document's first copy, one after the other."""
    first = pc.field("copy") == 0
    if not any((folder / one).exists() for one in (file_names.BOUNDARIES, file_names.INSERTIONS)):
        # End to end and unparted they lie so, and need not be in memory.
        for batch in pq.ParquetFile(folder / file_names.SPANS).iter_batches():
            yield from batch.filter(first).to_pylist()
        return
    spans = pq.read_table(folder / file_names.SPANS, filters=first)
    by = [("document", "ascending"), ("document_start", "ascending")]
    for batch in spans.sort_by(by).to_batches():
        yield from batch.to_pylist()


def group_shares(folder: Path) -> dict[str, float]:
    """Group → its share of the tokens, counted in the packed spans."""
    documents = pq.read_table(folder / file_names.DOCUMENTS, columns=["group"])["group"]
    groups = documents.dictionary_encode().unify_dictionaries().combine_chunks()
    names, codes = groups.dictionary.to_pylist(), groups.indices.to_numpy()
    totals = np.zeros(len(names), np.int64)
    for batch in pq.ParquetFile(folder / file_names.SPANS).iter_batches():
        sizes = batch["end"].to_numpy() - batch["start"].to_numpy()
        totals += np.bincount(codes[batch["document"].to_numpy()], sizes, len(names)).astype(int)
    return {
        name: size / int(totals.sum()) for name, size in zip(names, totals.tolist(), strict=True)
    }
