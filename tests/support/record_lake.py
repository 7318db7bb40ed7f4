"""A small lake of signed records, made without running a study."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.corpus.documents import DOCUMENTS, QUARANTINE, REPEATS
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.lineage import logged_metrics
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.metric import Metric
from alignment_dagster.lineage.provenance import Check, Inputs, Provenance

STUDY = "small"
HOSTILE = "'); drop table artifacts; --\x1b[31m\u202e<b>"
CHECK = Check(name="not_empty", passed=True, summary="It is not.")
CODE = {"code_digest": "0" * 64, "git": {"commit": "0123456789abcdef", "dirty": "true"}}


def make(folder: Path) -> Lake:
    lake = Lake(folder / "home" / "lake")
    lake.prepare()
    return lake


def publish(
    lake: Lake,
    asset: str = "curated_mix",
    partition: str | None = "plain",
    files: Mapping[str, bytes] | None = None,
    parents: Iterable[Artifact] = (),
    declaration: str = "d",
    study: str = STUDY,
    *,
    current: bool = True,
    declared: Mapping[str, Any] | None = None,
    external_inputs: Mapping[str, str] | None = None,
    code: Mapping[str, Any] | None = None,
) -> Artifact:
    """A signed artifact; it also becomes current unless said otherwise.

    Args:
        code: what its record says of the code that made it.
    """
    named = {"name": declaration} if declaration != "d" else {}
    declared = {**(declared or {"seed": 1, "nested": {"names": ["a", "b"]}}), **named}
    given = Inputs(
        study=study,
        asset=asset,
        partition=partition,
        declaration=sha256_json(declared),
        code_version="1",
        parents=tuple(parent.as_parent() for parent in parents),
        external_inputs=dict(external_inputs or {}),
    )
    with lake.staging() as folder:
        for name, content in (files or {"rows": b"rows"}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        provenance = Provenance(
            inputs=given,
            input_digest=given.digest,
            output_digest=Manifest.of(folder).digest,
            declared=declared,
            environment={"python": "3"},
            **(CODE | (code or {})),
            dagster_run_id="dagster-1",
            mlflow_run_id="mlflow-1",
            started="2026-01-01T00:00:00+00:00",
            seconds=1.5,
            measured={"tokens": 3.0},
            models={},
            checks=(CHECK,),
        )
        artifact = lake.publish(
            folder, provenance, logged_metrics.metrics_table([Metric("loss", 1.0)])
        )
    if current:
        become_current(lake, artifact)
    return artifact


def become_current(lake: Lake, artifact: Artifact, *, reused: bool = False) -> None:
    lake.journal(artifact.provenance.inputs.study).append(became(artifact, reused=reused))


def became(artifact: Artifact, *, reused: bool = False) -> NewEntry:
    return NewEntry(
        asset=artifact.asset,
        partition=artifact.partition,
        version=artifact.version,
        digest=artifact.digest,
        record=artifact.record,
        dagster_run_id="dagster-1",
        reused=reused,
    )


def raw_corpus(lake: Lake, *texts: str) -> Artifact:
    """Documents as the raw corpus has them."""
    rows = [
        {
            "document_id": f"{number:064x}",
            "source": "stories",
            "position": number,
            "path": "stories.jsonl",
            "line": number + 1,
            "external_id": None,
            "characters": len(text),
            "text": text,
            "payload": None,
        }
        for number, text in enumerate(texts)
    ]
    tables = {
        "documents": pa.Table.from_pylist(rows, schema=DOCUMENTS),
        "repeats": REPEATS.empty_table(),
        "quarantine": QUARANTINE.empty_table(),
    }
    files = {f"{name}/00000.parquet": parquet(table) for name, table in tables.items()}
    return publish(lake, "raw_corpus", "stories", files)


def parquet(table: pa.Table) -> bytes:
    """A table as a file's bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
