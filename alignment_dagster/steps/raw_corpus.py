"""`raw_corpus`: the documents of each source as they were read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.corpus.canaries import Planting, planted_documents, text_digests
from alignment_dagster.corpus.line_files import LineFiles
from alignment_dagster.corpus.reading import EarlierShards, Mark, ReadFrom, Reading
from alignment_dagster.corpus.sources import (
    file_digests,
    line_files,
    no_documents,
    read_source,
    source_digest,
    source_folder,
)
from alignment_dagster.foundation.digests import canonical_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check, Inputs
from alignment_dagster.steps.pages.raw_corpus import page_metadata
from alignment_dagster.steps.written_source import written_source
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import SyntheticReader

UNDECLARED = frozenset({"unknown", "none", "todo", "tbd", "?"})
SOURCE = "source"
NOT_SAMPLED = "documents_not_sampled"
SHARDS = "shards"
"""Measured: where each shard ends, so that a source that grew is read where it grew."""


def build(context: BuildContext) -> BuildResult:
    """Read the source shard by shard, give every document its id, and keep where it came from."""
    source = context.study.source(context.partition or "")
    folder = source_folder(context.study, source)
    if isinstance(source.reader, SyntheticReader):
        with written_source(context, source) as read_from:
            return _read(context, source, folder, read_from)
    return _read(
        context,
        source,
        folder,
        lambda start, tally, behind: read_source(source, folder, start, tally, behind),
    )


def _read(
    context: BuildContext, source: Source, folder: Path | None, read_from: ReadFrom
) -> BuildResult:
    canaries = context.study.canaries_in(source.name)
    before = context.inputs.external_inputs[SOURCE]
    reading = Reading(
        source,
        file_digests(source, folder),
        read_from,
        context.work,
        context.folder,
        Planting([(one, planted_documents(one, context.study.assets)) for one in canaries]),
        LineFiles(line_files(source, folder)),
    )
    marks, not_sampled = reading.run(
        _earlier(context), lambda done: context.report(done, done, "documents")
    )
    counts = _Counts.of(context.folder)
    if not counts.documents and not counts.quarantined:
        raise no_documents(source)
    pin = f"pinned to {source.sha256}" if source.sha256 else "no digest is pinned"
    checks = (
        Check(
            name="not_empty",
            passed=counts.written > 0,
            summary=f"{counts.written:,} of {counts.documents:,} documents have text.",
        ),
        _quarantine_check(source, counts),
        Check(
            name="licence_declared",
            passed=source.licence.strip().lower() not in UNDECLARED,
            summary=source.licence,
        ),
        Check(
            name="digest_pinned",
            passed=before == source_digest(source, folder),
            summary=f"{pin}; what was read has the identity {before[:16]}.",
        ),
    )
    measured: dict[str, float | str] = {
        NOT_SAMPLED: float(not_sampled),
        SHARDS: canonical_json([list(vars(mark).values()) for mark in marks]),
    }
    metrics = {
        "documents": counts.documents,
        "quarantined_rows": counts.quarantined,
        "documents_not_sampled": not_sampled,
    }
    return BuildResult(checks, measured, metrics)


def _earlier(context: BuildContext) -> EarlierShards | None:
    """The source's current version, verified, if it was read by the same code and declaration."""
    lake, study = context.stores.lake, context.study.name
    version = current_version(
        context.dagster.instance, lake, study, context.asset, context.partition
    )
    if version is None:
        return None
    try:
        found = lake.open(study, context.asset, context.partition, version)
    except ArtifactError as error:
        context.dagster.log.warning(f"the source is read from its beginning: {error}")
        return None
    then, now = found.provenance.inputs, context.inputs
    if (then.code_version, then.declaration) != (now.code_version, now.declaration):
        return None
    if _besides_source(then) != _besides_source(now):
        return None
    marks = json.loads(str(found.provenance.measured.get(SHARDS, "[]")))
    return EarlierShards(found.path, found.manifest.files.keys(), [Mark(*mark) for mark in marks])


def _besides_source(inputs: Inputs) -> dict[str, str]:
    """What was planted in it."""
    return {name: digest for name, digest in inputs.external_inputs.items() if name != SOURCE}


@dataclass(frozen=True)
class _Counts:
    """Of all shards: documents, those of them that are not blank, and rows."""

    documents: int
    written: int
    repeats: int
    quarantined: int
    first: str

    @classmethod
    def of(cls, folder: Path) -> "_Counts":
        written = documents = 0
        for path in sorted((folder / file_names.RAW_DOCUMENTS).glob("*")):
            texts = pq.read_table(path, columns=["text"])["text"]
            documents += len(texts)
            blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0)
            written += len(texts) - (pc.sum(blank).as_py() or 0)
        quarantined = sorted((folder / file_names.QUARANTINE).glob("*"))
        rows = [pq.read_table(path) for path in quarantined]
        first = next((table.slice(0, 1).to_pylist()[0] for table in rows if table.num_rows), None)
        return cls(
            documents,
            written,
            _rows(folder / file_names.REPEATS),
            sum(table.num_rows for table in rows),
            f"{first['path']}:{first['line']}: {first['reason']}" if first else "",
        )


def _rows(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*"))


def _quarantine_check(source: Source, counts: _Counts) -> Check:
    rows = counts.documents + counts.repeats + counts.quarantined
    share = counts.quarantined / max(1, rows)
    allowed = source.max_quarantined_share
    said = f"{counts.quarantined:,} of {rows:,} rows cannot be used"
    if counts.quarantined:
        how = (
            ""
            if share <= allowed
            else f"; max_quarantined_share of {source.name} allows more, and alignment corpus "
            "quarantine shows all"
        )
        said = f"{said}: {counts.first} ({share:.3%}, {allowed:.3%} allowed{how})"
    return Check(name="rows_usable", passed=share <= allowed, summary=f"{said}.")


def parents(_study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Nothing: this is where data enters."""
    return ()


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The source as declared, and where canaries are planted; descriptions the report records."""
    source = study.source(partition or "")
    canaries = [
        one.model_dump(mode="json", include={"name", "share"})
        for one in study.canaries_in(source.name)
    ]
    declared = source.model_dump(mode="json", exclude={"description"})
    if isinstance(source.reader, SyntheticReader):
        declared["reader"] = source.reader.identity
    return {
        **declared,
        **({"canaries": canaries} if canaries else {}),
    }


def external_inputs(study: Study, partition: Partition) -> dict[str, str]:
    """The identity of what would be read now, and of what would be planted."""
    source = study.source(partition or "")
    return {
        SOURCE: source_digest(source, source_folder(study, source)),
        **text_digests(study, source.name),
    }


STEP = Step(
    asset=chain.RAW_CORPUS,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "Every document of a source exactly as it was read: its text, a stable id (SHA-256 of "
        "source and content), and the file and line it came from. Identical rows are one document; "
        "`repeats` says where it was read again, and `quarantine` which rows cannot be used and "
        "why. Nothing is filtered here."
    ),
    code_version="3",
    modules=("corpus/documents.py", "corpus/reading.py", "corpus/sources.py", "synthesis/rows.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "not_empty": "The source has documents.",
        "rows_usable": "No more rows are unusable than the source allows.",
        "licence_declared": "The source declares a licence.",
        "digest_pinned": "The source has the digest it pins, and did not change while it was read.",
    },
)
