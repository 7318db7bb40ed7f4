"""No token of a mix without its document, and no document that the recipe does not keep."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alignment_dagster import chain
from alignment_dagster.audit.check.mix_rewards import check_rewards
from alignment_dagster.audit.check.parquet import read_table
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.mixing.misplaced_documents import find_misplaced
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.mixing.treated_tokens import find_miscounted


def check_mixes(scope: Scope) -> None:
    """Mixes and their compositions in scope."""
    parts = {chain.CURATED_MIX: _check_mix, chain.MIX_COMPOSITION: _check_composition}
    for asset, check in parts.items():
        for artifact in scope.checked(asset):
            with scope.findings.guard("ledgers", artifact.label):
                check(scope, artifact)


def _check_mix(scope: Scope, artifact: Artifact) -> None:
    """Every token of every sequence belongs to one span; spans add up to the documents' tokens."""
    sequences = np.load(artifact.path / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False)
    spans = read_table(artifact.path / file_names.SPANS)
    documents = read_table(artifact.path / file_names.DOCUMENTS)
    scope.findings.counts["mix tokens"] += sequences.size
    scope.findings.counts["spans"] += spans.num_rows
    columns = {name: spans[name].to_numpy().astype(np.int64) for name in spans.column_names}
    subject = f"{artifact.label} spans.parquet"
    problem = find_uncovered(columns, sequences.shape) or _find_unlike_documents(columns, documents)
    scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")
    if file_names.TREATED in artifact.manifest.files:
        tokenizer = load_tokenizer(scope.parent(artifact, chain.TOKENIZER).path)
        problem = find_miscounted(artifact.path, tokenizer)
        subject = f"{artifact.label} {file_names.TREATED}"
        scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")
        problem = find_misplaced(artifact.path)
        subject = f"{artifact.label} {file_names.INSERTIONS}"
        scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")
    check_rewards(scope, artifact)
    _check_kept(scope, artifact, documents)
    _check_shares(scope, artifact, documents)
    _check_redactions(scope, artifact, documents)


def find_uncovered(spans: dict[str, NDArray[np.int64]], shape: tuple[int, ...]) -> str | None:
    """Where a sequence is not covered from its first to its last token, without overlap."""
    count, length = shape
    start = spans["sequence"] * length + spans["start"]
    end = spans["sequence"] * length + spans["end"]
    inside = (spans["start"] >= 0) & (spans["start"] < spans["end"]) & (spans["end"] <= length)
    expected = np.concatenate([[0], end[:-1]])
    wrong = np.flatnonzero(~inside | (start != expected))
    if wrong.size:
        return f"gap or overlap in sequence {int(spans['sequence'][wrong[0]])}"
    if not end.size or end[-1] != count * length:
        return "the last sequences are not covered"
    return None


def _find_unlike_documents(spans: dict[str, NDArray[np.int64]], documents: pa.Table) -> str | None:
    """The spans of each document against its row: packed tokens, copies and its own length."""
    rows = spans["document"]
    if rows.min() < 0 or rows.max() >= documents.num_rows:
        return "a span names a document that is not listed"
    size = spans["end"] - spans["start"]
    packed = np.bincount(rows, weights=size, minlength=documents.num_rows).astype(np.int64)
    copies = np.zeros(documents.num_rows, dtype=np.int64)
    np.maximum.at(copies, rows, spans["copy"] + 1)
    reach = np.zeros(documents.num_rows, dtype=np.int64)
    np.maximum.at(reach, rows, spans["document_start"] + size)
    wrong = (
        (packed != documents["packed_tokens"].to_numpy())
        | (copies != documents["copies"].to_numpy())
        | (reach > documents["tokens"].to_numpy())
    )
    if wrong.any():
        first = documents["document_id"][int(np.flatnonzero(wrong)[0])]
        return f"{int(wrong.sum())} documents have other tokens in the spans, as {first}"
    return None


def _check_kept(scope: Scope, artifact: Artifact, documents: pa.Table) -> None:
    """A mix holds documents that the recipe keeps for pretraining, and no other."""
    dispositions = scope.parent(artifact, chain.DISPOSITIONS)
    for parent in artifact.provenance.inputs.parents:
        if parent.asset == chain.DISPOSITIONS and parent.part:
            table = read_table(dispositions.path / parent.part)
            kept = table.filter(pc.equal(table["state"], "kept"))["document_id"]
            strays = documents.filter(pc.invert(pc.is_in(documents["document_id"], kept)))
            if strays.num_rows:
                first = strays["document_id"][0]
                message = f"{strays.num_rows:,} documents are not kept by the recipe, as {first}"
                scope.findings.gap("ledgers", f"{artifact.label} {file_names.DOCUMENTS}", message)


def _check_redactions(scope: Scope, artifact: Artifact, documents: pa.Table) -> None:
    """What was replaced stood in documents of the mix, and is of the kinds that are declared."""
    declared = artifact.provenance.declared.get("redact")
    subject = f"{artifact.label} {file_names.REDACTIONS}"
    has_table = file_names.REDACTIONS in artifact.manifest.files
    if has_table != bool(declared):
        message = "is not there" if declared else "is there, and the recipe redacts nothing"
        scope.findings.gap("ledgers", subject, message)
    if not has_table or not declared:
        return
    table = read_table(artifact.path / file_names.REDACTIONS)
    scope.findings.counts["redacted spans"] += pc.sum(table["spans"]).as_py() or 0
    problem = find_stray_redaction(table, documents, declared["kinds"])
    scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")


def find_stray_redaction(table: pa.Table, documents: pa.Table, kinds: Sequence[str]) -> str | None:
    """What is wrong where a row is of no document of the mix, of another kind, or of nothing."""
    known = pc.is_in(table["document_id"], documents["document_id"].combine_chunks())
    declared = pc.is_in(table["kind"], pa.array(kinds))
    # nothing is replaced that has no character
    some = pc.and_(
        pc.greater(table["spans"], 0), pc.greater_equal(table["characters"], table["spans"])
    )
    strays = table.filter(pc.invert(pc.and_(pc.and_(known, declared), some)))["document_id"]
    if not len(strays):
        return None
    return f"{len(strays):,} rows cannot be of this mix, as that of {strays[0]}"


def _check_shares(scope: Scope, artifact: Artifact, documents: pa.Table) -> None:
    """`composition.parquet` is the sum of the documents."""
    sums = documents.group_by(["source", "group"]).aggregate(
        [("document_id", "count"), ("packed_tokens", "sum")]
    )
    wanted = _rows(sums.rename_columns(["source", "group", "documents", "tokens"]))
    found = _rows(read_table(artifact.path / file_names.COMPOSITION))
    subject = f"{artifact.label} {file_names.COMPOSITION}"
    message = "is not the sum of the mix's documents"
    scope.findings.gap_if(found != wanted, "ledgers", subject, message)


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    names = ["source", "group", "documents", "tokens"]
    return sorted(zip(*(table[name].to_pylist() for name in names), strict=True))


def _check_composition(scope: Scope, artifact: Artifact) -> None:
    """The mart is what the mixes' own files say, beside the shares that were declared."""
    table = read_table(artifact.path / file_names.MIX_COMPOSITION)
    declared = artifact.provenance.declared["shares"]
    for mix in scope.parents(artifact, chain.CURATED_MIX):
        own = table.filter(pc.equal(table["recipe"], mix.partition)).to_pylist()
        wanted = read_table(mix.path / file_names.COMPOSITION).to_pylist()
        groups: Counter[str] = Counter()
        for row in wanted:
            groups[row["group"]] += row["tokens"]
        total = max(1, groups.total())
        expected = [
            (*_place(row), row["tokens"] / total, groups[row["group"]] / total,
             declared[mix.partition][row["group"]])
            for row in wanted
        ]  # fmt: skip
        told = [
            (*_place(row), row["share"], row["group_share"], row["declared_share"]) for row in own
        ]
        same = len(told) == len(expected) and all(
            one[:4] == other[:4] and np.allclose(one[4:], other[4:], rtol=1e-12, atol=1e-12)
            for one, other in zip(sorted(told), sorted(expected), strict=True)
        )
        message = f"says another composition than {mix.label}"
        scope.findings.gap_if(not same, "ledgers", artifact.label, message)


def _place(row: dict[str, Any]) -> tuple[str, str, int, int]:
    return row["source"], row["group"], row["documents"], row["tokens"]
