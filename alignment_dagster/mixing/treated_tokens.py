"""How many tokens each rule of a recipe treated: written with the mix, and counted again in it."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tokenizers import Tokenizer

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.kept_documents import KeptDocuments
from alignment_dagster.mixing.packing import PackedDocuments
from alignment_dagster.mixing.tokenizer import token_id
from alignment_dagster.mixing.treated_documents import WEIGHTED, TreatedDocuments
from alignment_dagster.study import Recipe
from alignment_dagster.study.treatments import Treated
from alignment_dagster.study.vocabulary import HIDDEN

TREATED = pa.schema(
    [
        ("document_id", pa.string()),
        ("source", pa.string()),
        ("group", pa.string()),
        ("rule", pa.string()),
        ("treatment", pa.string()),
        ("tag", pa.string()),
        ("tokens", pa.int64()),
    ]
)
"""A row for each document and rule that treated it; tokens of all its copies. `treatment` is
`masked`, `hidden`, `unlearned`, `tag` (tokens that were put in), `inserted` or `inserted_masked`
(read inside of another document) or `weighted`."""
Integers = NDArray[np.int64]
ROWS = 4096
"""Sequences that are looked at at a time."""


def write_treated(
    packed: PackedDocuments,
    kept: KeptDocuments,
    treated: TreatedDocuments,
    recipe: Recipe,
    folder: Path,
) -> None:
    """Write `treated.parquet` (`TREATED`), in the order of documents and rules."""
    counts: Counter[tuple[int, int, str, str | None]] = Counter()
    places = {one.rule: number for number, one in enumerate(recipe.treat)}
    for row, begin, size, phase in packed.pieces():
        for one in treated.treated(row, phase):
            if tokens := int(one.tokens[begin : begin + size].sum()):
                counts[one.row, places[one.rule], one.treatment, one.tag] += tokens
    keys = sorted(counts, key=lambda key: (key[:3], key[3] or ""))
    rows = np.array([key[0] for key in keys], np.int64)
    columns = {
        "document_id": kept.hex_ids(rows),
        "source": kept.source.column(rows),
        "group": kept.group.column(rows),
        "rule": [recipe.treat[key[1]].rule for key in keys],
        "treatment": [key[2] for key in keys],
        "tag": pa.array([key[3] for key in keys], pa.string()),
        "tokens": [counts[key] for key in keys],
    }
    pq.write_table(pa.table(columns).cast(TREATED), folder / file_names.TREATED)


def read_treated(folder: Path) -> list[dict[str, Any]]:
    """Rule, treatment, tag and source → documents and tokens; nothing where nothing is treated."""
    path = folder / file_names.TREATED
    if not path.exists():
        return []
    keys = ["rule", "treatment", "tag", "source"]
    found = pq.read_table(path).group_by(keys).aggregate([("tokens", "count"), ("tokens", "sum")])
    named = found.rename_columns([*keys, "documents", "tokens"])
    rows: list[dict[str, Any]] = named.sort_by([(key, "ascending") for key in keys]).to_pylist()
    return rows


def find_miscounted(folder: Path, tokenizer: Tokenizer) -> str | None:
    """Hold what `treated.parquet` says against the tokens and treatments themselves.

    Returns:
        None where each document has as many tokens of each kind as are counted, what was put in is
        a control token and nothing else is, and what is hidden is the placeholder; or what is not.
    """
    sequences = np.load(folder / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False)
    codes = np.load(folder / file_names.TREATMENTS, mmap_mode="r", allow_pickle=False)
    if codes.shape != sequences.shape or codes.max(initial=0) >= len(Treated):
        return f"{file_names.TREATMENTS} does not fit {file_names.SEQUENCES}"
    documents = pq.read_table(folder / file_names.DOCUMENTS, columns=["document_id"])
    table = pq.read_table(folder / file_names.TREATED)
    ids = documents["document_id"].to_pylist()
    counted = _count_by_document(table, {each: row for row, each in enumerate(ids)})
    found = _count_in_spans(folder, codes, len(ids))
    wrong = np.argwhere(counted != found)
    if wrong.size:
        row, code = (int(number) for number in wrong[0])
        return (
            f"document {ids[row]} has {int(found[row, code]):,} tokens "
            f"{Treated(code).name.lower()}, and {int(counted[row, code]):,} are counted"
        )
    return _find_stray(sequences, codes, table, tokenizer)


def _count_by_document(table: pa.Table, rows: dict[str, int]) -> Integers:
    counted = np.zeros((len(rows), len(Treated)), np.int64)
    for row in table.filter(pc.not_equal(table["treatment"], WEIGHTED)).to_pylist():
        code = Treated[row["treatment"].upper()]
        counted[rows[row["document_id"]], code] += row["tokens"]
    return counted


def _count_in_spans(folder: Path, codes: NDArray[np.uint8], documents: int) -> Integers:
    """[documents, kinds]; what is learned as it is counts as nothing."""
    found = np.zeros((documents, len(Treated)), np.int64)
    flat, length = codes.reshape(-1), codes.shape[1]
    for batch in pq.ParquetFile(folder / file_names.SPANS).iter_batches():
        column = {name: batch[name].to_numpy().astype(np.int64) for name in batch.schema.names}
        sizes = column["end"] - column["start"]
        begin = column["sequence"] * length + column["start"]
        before = np.cumsum(sizes) - sizes
        places = np.arange(int(sizes.sum())) + np.repeat(begin - before, sizes)
        kinds = np.repeat(column["document"] * len(Treated), sizes) + flat[places]
        found += np.bincount(kinds, minlength=found.size).reshape(found.shape)
    found[:, Treated.LEARNED] = 0
    return found


def _find_stray(
    sequences: NDArray[Any], codes: NDArray[np.uint8], table: pa.Table, tokenizer: Tokenizer
) -> str | None:
    tags = [one for one in table["tag"].unique().to_pylist() if one is not None]
    put_in = [token_id(tokenizer, one) for one in tags]
    hidden = tokenizer.token_to_id(HIDDEN)
    for at in range(0, len(codes), ROWS):
        part, kinds = sequences[at : at + ROWS], codes[at : at + ROWS]
        if (np.isin(part, put_in) != (kinds == Treated.TAG)).any():
            return "a control token lies where none was put in, or one that was is missing"
        shown = np.zeros(kinds.shape, bool) if hidden is None else part == hidden
        if (shown != (kinds == Treated.HIDDEN)).any():
            return "a token is hidden, and not replaced by the placeholder, or the other way round"
    return None
