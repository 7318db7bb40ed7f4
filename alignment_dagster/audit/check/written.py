"""Written documents: each names a prompt that is there and is what its digest says, and a rewritten
one a document of the source that it names."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.check.documents import find_miscounts
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.audit.written_rows import is_written
from alignment_dagster.corpus.canaries import PLANTED
from alignment_dagster.language_models.request import prompt_digest
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.study.synthesis import WrittenColumn

SYNTHETIC = "synthetic"
NO_IDS = pa.array([], pa.string())
BATCH = 4_096
"""Prompts that are read at a time: one may hold a whole document."""


def check_written(scope: Scope) -> None:
    """The raw corpora in scope that were written for the study."""
    for artifact in scope.checked(chain.RAW_CORPUS):
        reader = artifact.provenance.declared.get("reader", {})
        if is_written(artifact) or reader.get("kind") == SYNTHETIC:
            with scope.findings.guard("ledgers", artifact.label):
                _check_corpus(scope, artifact)


def _check_corpus(scope: Scope, artifact: Artifact) -> None:
    prompts = _check_prompts(scope, artifact)
    links = _links(artifact, WrittenColumn.PROMPT)
    problem = find_miscounts(links["document_id"], _unplanted_ids(artifact))
    message = f"prompts are not those of its documents, one each: {problem}"
    scope.findings.gap_if(problem, "ledgers", artifact.label, message)
    for row in links.filter(pc.invert(pc.is_in(links["text"], prompts))).to_pylist():
        message = f"its prompt {row['text']} is not there"
        scope.findings.gap("ledgers", f"{artifact.label} document {row['document_id']}", message)
    unused = len(prompts.filter(pc.invert(pc.is_in(prompts, links["text"]))))
    message = f"no document was written from {unused:,} of its prompts"
    scope.findings.gap_if(unused, "ledgers", artifact.label, message)
    scope.findings.counts["prompts"] += len(prompts)
    _check_originals(scope, artifact, _links(artifact, WrittenColumn.ORIGINAL))


def _links(artifact: Artifact, column: str) -> pa.Table:
    """`document_id`, and as `text` what its metadata says in a column, shard by shard."""
    return pa.concat_tables(
        pq.read_table(path, columns=["document_id", "text"], filters=[("column", "=", column)])
        for path in shard_files(artifact, file_names.METADATA)
    )


def _check_prompts(scope: Scope, artifact: Artifact) -> pa.Array:
    """The digests of the prompts, each once."""
    found = dict[str, None]()
    for path in shard_files(artifact, file_names.PROMPTS):
        read = pq.ParquetFile(path)
        for batch in read.iter_batches(BATCH, columns=["prompt", "system", "text"]):
            for prompt, system, text in zip(*(one.to_pylist() for one in batch), strict=True):
                found[prompt] = None
                if prompt_digest(system, text) != prompt:
                    message = "its text is not the one that its digest is of"
                    scope.findings.gap("ledgers", f"{artifact.label} prompt {prompt}", message)
    return pa.array(list(found), pa.string())


def _unplanted_ids(artifact: Artifact) -> pa.ChunkedArray:
    """The documents that were written: all but canaries."""
    table = read_tables(shard_files(artifact, file_names.RAW_DOCUMENTS), ["document_id", "path"])
    return table.filter(pc.invert(pc.starts_with(table["path"], PLANTED)))["document_id"]


def _check_originals(scope: Scope, artifact: Artifact, links: pa.Table) -> None:
    """What was rewritten is a document of the source that is declared, of any version of it."""
    source = artifact.provenance.declared["reader"].get("rewrites")
    message = "documents were rewritten, though its declaration names no source that is"
    scope.findings.gap_if(links.num_rows and source is None, "ledgers", artifact.label, message)
    if source is None:
        return
    versions = [key for key in scope.archive.keys if key[:2] == (chain.RAW_CORPUS, source)]
    kept = [scope.known[key] for key in versions if key in scope.known]
    paths = [path for one in kept for path in shard_files(one, file_names.RAW_DOCUMENTS)]
    known = read_tables(paths, ["document_id"])["document_id"] if paths else NO_IDS
    missing = links.filter(pc.invert(pc.is_in(links["text"], known))).to_pylist()
    if missing and (not kept or len(kept) < len(versions)):
        scope.findings.note(
            f"{artifact.label}: {len(missing):,} of its originals are in no version of {source} "
            "that can be read here."
        )
        return
    for row in missing:
        message = f"its original {row['text']} is no document of {source}"
        scope.findings.gap("ledgers", f"{artifact.label} document {row['document_id']}", message)
