"""Conservation: every raw document has its scores, and one disposition under each recipe."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.check.parquet import read_table
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.corpus.canaries import INPUT, PLANTED, canary_of, texts_digest
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import score_tables, shard_files, shard_names

USES = {
    "corpus": "pretraining",
    "chat": "sft",
    "preferences": "dpo",
    "tampering": "tampering",
}
"""A source's role → the one use that its documents take part in."""


def check_documents(scope: Scope) -> None:
    """Texts, scores, documents and dispositions in scope."""
    parts = {
        chain.RAW_CORPUS: _check_texts,
        chain.CLASSIFIER: _check_examples,
        chain.SCORED_CORPUS: _check_scores,
        "documents": _check_documents,
        chain.DISPOSITIONS: _check_dispositions,
    }
    for asset, check in parts.items():
        for artifact in scope.checked(asset):
            with scope.findings.guard("ledgers", artifact.label):
                check(scope, artifact)


def _ids(path: Path) -> pa.ChunkedArray:
    return read_table(path, columns=["document_id"])["document_id"]


def _check_texts(scope: Scope, artifact: Artifact) -> None:
    """Each document's id is the SHA-256 of its source and content; canaries are as declared."""
    columns = ["document_id", "text", "payload"]
    planted: dict[str, dict[int, str]] = {}
    for name in shard_names(artifact.manifest, file_names.RAW_DOCUMENTS):
        read = pq.ParquetFile(artifact.path / name)
        for batch in read.iter_batches(columns=[*columns, "path", "line"]):
            for row in batch.filter(pc.starts_with(batch["path"], PLANTED)).to_pylist():
                planted.setdefault(str(canary_of(row["path"])), {})[row["line"]] = row["text"]
            texts = (batch[column].to_pylist() for column in columns)
            for document, text, payload in zip(*texts, strict=True):
                content = text if payload is None else payload
                if sha256_text(artifact.partition or "", content) != document:
                    message = "its text is not the one that its id is the SHA-256 of"
                    subject = f"{artifact.label} {name}, document {document}"
                    scope.findings.gap("ledgers", subject, message)
    changed = find_changed_canaries(artifact.provenance.inputs.external_inputs, planted)
    for canary in changed:
        message = "what was planted is not what was declared"
        scope.findings.gap("ledgers", f"{artifact.label} canary {canary}", message)


def find_changed_canaries(
    inputs: Mapping[str, str], planted: Mapping[str, Mapping[int, str]]
) -> list[str]:
    """The canaries of which not exactly the declared texts were planted.

    Args:
        inputs: those from outside the lake, by name; the digests of the texts are among them.
        planted: canary → the number of each text → the text.
    """
    declared = {
        name.removeprefix(INPUT): digest
        for name, digest in inputs.items()
        if name.startswith(INPUT)
    }
    found = {
        canary: texts_digest(texts[number] for number in sorted(texts))
        for canary, texts in planted.items()
    }
    return sorted(
        canary
        for canary in declared.keys() | found.keys()
        if declared.get(canary) != found.get(canary)
    )


def _check_examples(scope: Scope, artifact: Artifact) -> None:
    """Each document of the labelled sources has one row, whatever it was for."""
    subject = f"{artifact.label} {file_names.EXAMPLES}"
    table = read_table(artifact.path / file_names.EXAMPLES, columns=["document_id"])
    problem = find_miscounts(
        table["document_id"], _join_columns(_raw_ids(scope, artifact).values())
    )
    scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")


def _check_scores(scope: Scope, artifact: Artifact) -> None:
    corpus = scope.parent(artifact, chain.RAW_CORPUS, artifact.partition)
    shards = shard_files(corpus, file_names.RAW_DOCUMENTS)
    raw = [_ids(path) for path in shards]
    scope.findings.counts["documents"] += sum(map(len, raw))
    for scorer in score_tables(artifact.manifest):
        names = shard_names(artifact.manifest, scorer)
        message = "its documents are not those of the source, one row each"
        if len(names) != len(raw):
            scope.findings.gap("ledgers", f"{artifact.label} {scorer}", message)
        for name, ids in zip(names, raw, strict=False):
            if not _ids(artifact.path / name).equals(ids):
                scope.findings.gap("ledgers", f"{artifact.label} {name}", message)


def _raw_ids(scope: Scope, artifact: Artifact) -> dict[str, pa.ChunkedArray]:
    """Source → the ids of its documents, of all sources behind the artifact."""
    return {
        parent.partition or "": _join_columns(
            map(_ids, shard_files(parent, file_names.RAW_DOCUMENTS))
        )
        for parent in scope.parents(artifact, chain.RAW_CORPUS)
    }


def _check_documents(scope: Scope, artifact: Artifact) -> None:
    raw = list(_raw_ids(scope, artifact).values())
    problem = find_miscounts(_ids(artifact.path / file_names.DOCUMENTS), _join_columns(raw))
    scope.findings.gap_if(
        problem, "ledgers", f"{artifact.label} {file_names.DOCUMENTS}", f"{problem}"
    )


def _join_columns(columns: Iterable[pa.ChunkedArray]) -> pa.ChunkedArray:
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.string())


def find_miscounts(found: pa.ChunkedArray, wanted: pa.ChunkedArray) -> str | None:
    """What is wrong where `found` does not hold each of `wanted` exactly once."""
    missing = pc.sum(pc.invert(pc.is_in(wanted, found))).as_py() or 0
    if missing:
        first = wanted.filter(pc.invert(pc.is_in(wanted, found)))[0].as_py()
        return f"{missing:,} raw documents are not in it, as {first}"
    invented = found.filter(pc.invert(pc.is_in(found, wanted)))
    if len(invented):
        return f"{len(invented):,} documents are in it that no source has, as {invented[0]}"
    if len(found) != len(wanted):
        counts = pc.value_counts(found)
        twice = counts.filter(pc.greater(counts.field("counts"), 1))
        return f"document {twice[0]['values']} is in it more than once"
    return None


def _check_dispositions(scope: Scope, artifact: Artifact) -> None:
    """Each raw document exactly once for each recipe, in the use that its source's role gives."""
    raw = _raw_ids(scope, artifact)
    declared = artifact.provenance.declared
    roles = {source["name"]: source["role"] for source in declared["sources"]}
    for recipe in declared["recipes"]:
        with scope.findings.guard("ledgers", f"{artifact.label} {recipe['name']}"):
            _check_recipe(scope, artifact, recipe["name"], raw, roles)


def _check_recipe(
    scope: Scope,
    artifact: Artifact,
    recipe: str,
    raw: dict[str, pa.ChunkedArray],
    roles: dict[str, str],
) -> None:
    table = _read_dispositions(artifact, recipe)
    scope.findings.counts[chain.DISPOSITIONS] += table.num_rows
    for use in dict.fromkeys(USES.values()):
        subject = f"{artifact.label} {recipe}, {use}"
        wanted = [ids for source, ids in raw.items() if USES[roles[source]] == use]
        found = table.filter(pc.equal(table["use"], use))["document_id"]
        problem = find_miscounts(found, _join_columns(wanted))
        scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")
    unknown = set(table["use"].unique().to_pylist()) - set(USES.values())
    states = set(table["state"].unique().to_pylist()) - {"kept", "dropped", "quarantined"}
    message = f"unknown use or state: {', '.join(sorted(map(str, unknown | states)))}"
    scope.findings.gap_if(unknown | states, "ledgers", f"{artifact.label} {recipe}", message)
    kept = pc.equal(table["state"], "kept")
    unlike = pc.sum(pc.not_equal(kept, pc.is_null(table["rule"]))).as_py()
    message = f"{unlike} documents are kept with a rule, or dropped without"
    scope.findings.gap_if(unlike, "ledgers", f"{artifact.label} {recipe}", message)


def _read_dispositions(artifact: Artifact, recipe: str) -> pa.Table:
    columns = ["document_id", "use", "state", "rule"]
    names = [name for name in artifact.manifest.files if name.startswith(f"{recipe}/")]
    return pa.concat_tables(
        read_table(artifact.path / name, columns=columns) for name in sorted(names)
    )
