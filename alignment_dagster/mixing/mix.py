"""A recipe's mix: from kept documents to packed sequences, and the checks that it must pass."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.encoding import BATCH, EncodedDocuments
from alignment_dagster.mixing.packing import PackedSequences, pack
from alignment_dagster.mixing.sampling import Candidate, sample
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.study import Mix, Recipe

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class MixInputs:
    """What a mix is built from: raw documents, the recipe's dispositions, and the tokenizer."""

    documents: tuple[Path, ...]
    dispositions: Path
    tokenizer: Path


def build_mix(inputs: MixInputs, recipe: Recipe, mix: Mix, folder: Path, report: Report) -> None:
    """Write `sequences.npy`, `spans.parquet`, `documents.parquet` and `composition.parquet`.

    `report(done, total)` is called with the number of tokenized documents; the budget may be met
    before all are.

    Raises:
        DataError: if the token budget cannot be met.
    """
    candidates = _kept_documents(inputs.dispositions)
    texts = _read_texts(inputs.documents, [each.document_id for each in candidates])
    encoded = EncodedDocuments(texts, inputs.tokenizer, report)
    copies = sample(candidates, encoded, recipe, mix)
    packed = pack(encoded, copies, mix.tokens // mix.sequence_length, mix.sequence_length)
    write_mix(packed, candidates, encoded, folder)


def write_mix(
    packed: PackedSequences,
    candidates: Sequence[Candidate],
    encoded: EncodedDocuments,
    folder: Path,
) -> None:
    """Write the four files of a mix; only documents that were packed are listed."""
    used = sorted(set(packed.spans["document"].to_pylist()))
    row_of = {document: row for row, document in enumerate(used)}
    rows = pa.array([row_of[item] for item in packed.spans["document"].to_pylist()], pa.int32())
    spans = packed.spans.set_column(
        packed.spans.schema.get_field_index("document"), "document", rows
    )
    lengths = [int(encoded[index].size) for index in used]
    documents = _packed_documents([candidates[index] for index in used], lengths, spans)
    np.save(folder / file_names.SEQUENCES, packed.sequences, allow_pickle=False)
    pq.write_table(spans, folder / file_names.SPANS)
    pq.write_table(documents, folder / file_names.DOCUMENTS)
    pq.write_table(composition(documents), folder / file_names.COMPOSITION)


def read_composition(folder: Path) -> list[dict[str, Any]]:
    """The rows of a mix's `composition.parquet`."""
    rows: list[dict[str, Any]] = pq.read_table(folder / file_names.COMPOSITION).to_pylist()
    return rows


def composition(documents: pa.Table) -> pa.Table:
    """Source and group → documents, packed tokens and their share, largest first."""
    table = documents.group_by(["source", "group"]).aggregate(
        [("document_id", "count"), ("packed_tokens", "sum")]
    )
    tokens = table["packed_tokens_sum"]
    share = pc.divide(pc.cast(tokens, pa.float64()), pc.cast(pc.sum(tokens), pa.float64()))
    named = pa.table(
        {
            "source": table["source"],
            "group": table["group"],
            "documents": table["document_id_count"],
            "tokens": tokens,
            "share": share,
        }
    )
    return named.sort_by([("tokens", "descending"), ("source", "ascending")])


def decode_texts(folder: Path, tokenizer_folder: Path) -> Iterator[tuple[str, str]]:
    """Document id and text of everything in the mix, decoded from the packed tokens themselves."""
    tokenizer = load_tokenizer(tokenizer_folder)
    sequences = np.load(folder / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False)
    ids = pq.read_table(folder / file_names.DOCUMENTS)["document_id"].to_pylist()
    pieces: dict[int, list[int]] = {}
    for row in pq.read_table(folder / file_names.SPANS).filter(pc.field("copy") == 0).to_pylist():
        tokens = sequences[row["sequence"], row["start"] : row["end"]].tolist()
        pieces.setdefault(row["document"], []).extend(tokens)
    for document, tokens in pieces.items():
        yield ids[document], tokenizer.decode(tokens, skip_special_tokens=True)


def _kept_documents(dispositions: Path) -> list[Candidate]:
    """The documents that the recipe keeps for pretraining, ordered by id."""
    kept = pq.read_table(
        dispositions,
        columns=["document_id", "source", "group"],
        filters=(pc.field("use") == "pretraining") & (pc.field("state") == "kept"),
    )
    columns = (kept[name].to_pylist() for name in ("document_id", "source", "group"))
    return sorted(map(Candidate, *columns), key=lambda each: each.document_id)


def _read_texts(documents: Sequence[Path], wanted: Sequence[str]) -> list[str]:
    """The texts of these documents, in their order.

    They are picked out one by one: a join, and sorting, would put the column into one array, which
    holds 2 GiB of text at most.

    Raises:
        DataError: if one of them is nowhere.
    """
    kept = set(wanted)
    texts: dict[str, str] = {}
    for path in documents:
        columns = ["document_id", "text"]
        for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH, columns=columns):
            for name, text in zip(batch["document_id"].to_pylist(), batch["text"], strict=True):
                if name in kept:
                    texts[name] = text.as_py()
    missing = next((each for each in wanted if each not in texts), None)
    if missing is not None:
        raise DataError(f"the document {missing} is kept, but is in none of the corpora")
    return [texts[each] for each in wanted]


def _packed_documents(
    candidates: Sequence[Candidate], lengths: Sequence[int], spans: pa.Table
) -> pa.Table:
    """One row for each packed document: its length, how often it is seen, and its packed tokens."""
    sized = spans.append_column("size", pc.subtract(spans["end"], spans["start"]))
    table = sized.group_by("document").aggregate([("size", "sum"), ("copy", "max")])
    table = table.sort_by("document")
    return pa.table(
        {
            "document_id": [item.document_id for item in candidates],
            "source": [item.source for item in candidates],
            "group": [item.group for item in candidates],
            "tokens": pa.array(lengths, pa.int64()),
            "copies": pc.add(pc.cast(table["copy_max"], pa.int64()), 1),
            "packed_tokens": pc.cast(table["size_sum"], pa.int64()),
        }
    )


def group_shares(folder: Path) -> dict[str, float]:
    """Group → its share of the tokens, counted in the packed spans."""
    documents = pq.read_table(folder / file_names.DOCUMENTS, columns=["group"])["group"].to_pylist()
    totals: dict[str, int] = {}
    for batch in pq.ParquetFile(folder / file_names.SPANS).iter_batches():
        sizes = pc.subtract(batch["end"], batch["start"]).to_pylist()
        for document, size in zip(batch["document"].to_pylist(), sizes, strict=True):
            totals[documents[document]] = totals.get(documents[document], 0) + size
    return {group: size / sum(totals.values()) for group, size in totals.items()}
