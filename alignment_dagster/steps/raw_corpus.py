"""`raw_corpus`: the documents of each source as they were read."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.corpus.documents import deduplicate, read_source, source_digest, write_documents
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_source
from alignment_dagster.foundation.home import data_folder
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import Source, Study

FILE = "documents.parquet"
UNDECLARED = frozenset({"unknown", "none", "todo", "tbd", "?"})


def build(making: Making) -> Made:
    """Read the source, give every document its id, and keep where each one came from."""
    source = making.study.source(making.partition or "")
    before = source_digest(source, data_folder())
    documents = deduplicate(source, read_source(source, data_folder()))
    write_documents(documents, making.folder)
    making.report(documents.num_rows, documents.num_rows, "documents")
    after = source_digest(source, data_folder())
    written = sum(bool(text.strip()) for text in documents["text"].to_pylist())
    checks = (
        Check(
            name="not_empty",
            passed=written > 0,
            summary=f"{written:,} of {documents.num_rows:,} documents have text.",
        ),
        Check(
            name="licence_declared",
            passed=source.licence.strip().lower() not in UNDECLARED,
            summary=source.licence,
        ),
        Check(name="digest_pinned", passed=before == after, summary=_pinned(source, after)),
    )
    return Made(checks, metrics={"documents": documents.num_rows})


def _pinned(source: Source, digest: str) -> str:
    pin = f"pinned to {source.sha256}" if source.sha256 else "no digest is pinned"
    return f"{pin}; what was read has the identity {digest[:16]}."


def describe(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """Counts, how long documents are, and the first of them as a table."""
    source = study.source(artifact.partition or "")
    columns = ["path", "line", "occurrences", "characters", "text"]
    documents = pq.read_table(artifact.path / FILE, columns=columns)
    head = documents.slice(0, 5).to_pylist()
    lengths = charts.histogram(documents["characters"].to_numpy(), "characters")
    return {
        "plot": drawing(lengths, "characters in a document"),
        "dagster/row_count": documents.num_rows,
        "raw_rows": sum(documents["occurrences"].to_pylist()),
        "characters": sum(documents["characters"].to_pylist()),
        "licence": source.licence,
        "first_documents": dg.MetadataValue.md(table(head, columns)),
    }


def wants(_study: Study, _partition: Partition) -> tuple[Wanted, ...]:
    """Nothing: this is where data enters."""
    return ()


STEP = Step(
    asset="raw_corpus",
    group="1_corpus",
    kinds=frozenset({"python", "parquet"}),
    description=(
        "Every document of a source exactly as it was read: its text, a stable id (SHA-256 of "
        "source and content), and the file and line it came from. Identical rows are one document "
        "that remembers where it was repeated. Nothing is filtered here."
    ),
    code=("corpus/documents.py",),
    partitions=by_source,
    wants=wants,
    declared=lambda study, partition: study.source(partition or "").model_dump(mode="json"),
    outside=lambda study, partition: {
        "source": source_digest(study.source(partition or ""), data_folder())
    },
    build=build,
    describe=describe,
    checks={
        "not_empty": "The source has documents.",
        "licence_declared": "The source declares a licence.",
        "digest_pinned": "The source has the digest it pins, and did not change while it was read.",
    },
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study."""
    return definitions(STEP)
