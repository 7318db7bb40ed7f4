"""`raw_corpus`: the documents of each source as they were read."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster import chain
from alignment_dagster.corpus.documents import deduplicate, write_documents
from alignment_dagster.corpus.sources import read_source, source_digest, source_folder
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.pages.raw_corpus import page_metadata
from alignment_dagster.study import Study

UNDECLARED = frozenset({"unknown", "none", "todo", "tbd", "?"})


def build(context: BuildContext) -> BuildResult:
    """Read the source, give every document its id, and keep where each one came from."""
    source = context.study.source(context.partition or "")
    folder = source_folder(context.study, source)
    before = source_digest(source, folder)
    documents = deduplicate(source, read_source(source, folder))
    write_documents(documents, context.folder)
    context.report(documents.num_rows, documents.num_rows, "documents")
    after = source_digest(source, folder)
    silent = _without_answer(documents)
    written = sum(bool(text.strip()) for text in documents["text"].to_pylist()) - len(silent)
    unanswered = f" {len(silent):,} hold an empty answer, first {silent[0]}." if silent else ""
    pin = f"pinned to {source.sha256}" if source.sha256 else "no digest is pinned"
    checks = (
        Check(
            name="not_empty",
            passed=written > 0,
            summary=f"{written:,} of {documents.num_rows:,} documents have text.{unanswered}",
        ),
        Check(
            name="licence_declared",
            passed=source.licence.strip().lower() not in UNDECLARED,
            summary=source.licence,
        ),
        Check(
            name="digest_pinned",
            passed=before == after,
            summary=f"{pin}; what was read has the identity {after[:16]}.",
        ),
    )
    return BuildResult(checks, metrics={"documents": documents.num_rows})


def _without_answer(documents: pa.Table) -> list[str]:
    """File and line of each conversation or pair with an answer that says nothing."""
    found = []
    spoken = documents.select(["path", "line", "payload"]).filter(pc.field("payload").is_valid())
    for row in spoken.to_pylist():
        payload = json.loads(row["payload"])
        answers = [payload.get(name, [])[-1:] for name in ("messages", "chosen", "rejected")]
        if not all(message["content"].strip() for answer in answers for message in answer):
            found.append(f"{row['path']}:{row['line']}")
    return found


def parents(_study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Nothing: this is where data enters."""
    return ()


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The source as declared; how it is described, the report records."""
    return study.source(partition or "").model_dump(mode="json", exclude={"description"})


def external_inputs(study: Study, partition: Partition) -> dict[str, str]:
    """The identity of what would be read now."""
    source = study.source(partition or "")
    return {"source": source_digest(source, source_folder(study, source))}


STEP = Step(
    asset=chain.RAW_CORPUS,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "Every document of a source exactly as it was read: its text, a stable id (SHA-256 of "
        "source and content), and the file and line it came from. Identical rows are one document "
        "that remembers where it was repeated. Nothing is filtered here."
    ),
    code_version="2",
    modules=("corpus/documents.py", "corpus/sources.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "not_empty": "The source has documents.",
        "licence_declared": "The source declares a licence.",
        "digest_pinned": "The source has the digest it pins, and did not change while it was read.",
    },
)
