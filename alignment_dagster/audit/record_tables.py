"""The ledgers that are records, not files: artifacts, their parents and checks, and the runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from alignment_dagster.chain import OF_RECIPES
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.partition_keys import find_seed, recipe_of
from alignment_dagster.lineage.signing import named_signer
from alignment_dagster.lineage.statement import read_envelope

ARTIFACTS = pa.schema(
    [
        ("artifact", pa.string()),
        ("study", pa.string()),
        ("asset", pa.string()),
        ("partition", pa.string()),
        ("recipe", pa.string()),
        ("seed", pa.int64()),
        ("version", pa.string()),
        ("digest", pa.string()),
        ("input_digest", pa.string()),
        ("declaration", pa.string()),
        ("code_version", pa.string()),
        ("code_digest", pa.string()),
        ("git_commit", pa.string()),
        ("git_dirty", pa.string()),
        ("started", pa.string()),
        ("seconds", pa.float64()),
        ("files", pa.int64()),
        ("bytes", pa.int64()),
        ("dagster_run_id", pa.string()),
        ("mlflow_run_id", pa.string()),
        ("record", pa.string()),
        ("signed_by", pa.string()),
    ]
)
PARENTS = pa.schema(
    [
        ("artifact", pa.string()),
        ("parent", pa.string()),
        ("part", pa.string()),
        ("digest", pa.string()),
    ]
)
CHECKS = pa.schema(
    [
        ("artifact", pa.string()),
        ("name", pa.string()),
        ("passed", pa.bool_()),
        ("blocking", pa.bool_()),
        ("summary", pa.string()),
    ]
)
RUNS = pa.schema(
    [
        ("number", pa.int64()),
        ("time", pa.string()),
        ("artifact", pa.string()),
        ("dagster_run_id", pa.string()),
        ("mlflow_run_id", pa.string()),
        ("reused", pa.bool_()),
        ("record", pa.string()),
    ]
)
SCHEMAS: Mapping[str, pa.Schema] = {
    "artifacts": ARTIFACTS,
    "parents": PARENTS,
    "checks": CHECKS,
    "runs": RUNS,
}


def build_record_tables(archive: Archive, artifacts: Sequence[Artifact]) -> Mapping[str, pa.Table]:
    """Ledger → table, of these artifacts; `runs` are the journal's lines about them."""
    rows = {
        "artifacts": [_artifact(one) for one in artifacts],
        "parents": [
            {
                "artifact": one.label,
                "parent": label(parent.asset, parent.partition, parent.version),
                "part": parent.part,
                "digest": parent.digest,
            }
            for one in artifacts
            for parent in one.provenance.inputs.parents
        ],
        "checks": [
            {"artifact": one.label, **check.model_dump(mode="json")}
            for one in artifacts
            for check in one.provenance.checks
        ],
        "runs": _runs(archive, {artifact.label: artifact for artifact in artifacts}),
    }
    return {
        name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in SCHEMAS.items()
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    by_recipe = artifact.asset in OF_RECIPES
    return {
        "artifact": artifact.label,
        "study": provenance.inputs.study,
        "asset": artifact.asset,
        "partition": artifact.partition,
        "recipe": recipe_of(artifact.partition) or None if by_recipe else None,
        "seed": find_seed(artifact.partition),
        "version": artifact.version,
        "digest": artifact.digest,
        "input_digest": provenance.input_digest,
        "declaration": provenance.inputs.declaration,
        "code_version": provenance.inputs.code_version,
        "code_digest": provenance.code_digest,
        "git_commit": provenance.git.get("commit"),
        "git_dirty": provenance.git.get("dirty"),
        "started": provenance.started,
        "seconds": provenance.seconds,
        "files": len(artifact.manifest.files),
        "bytes": sum(artifact.manifest.sizes.values()),
        "dagster_run_id": provenance.dagster_run_id,
        "mlflow_run_id": provenance.mlflow_run_id,
        "record": artifact.record,
        "signed_by": named_signer(read_envelope(artifact.path)),
    }


def _runs(archive: Archive, named: Mapping[str, Artifact]) -> list[dict[str, Any]]:
    lines = [
        (entry, label(entry.asset, entry.partition, entry.version)) for entry in archive.journal
    ]
    return [
        {
            "number": entry.number,
            "time": entry.time,
            "artifact": name,
            "dagster_run_id": entry.dagster_run_id,
            "mlflow_run_id": named[name].provenance.mlflow_run_id,
            "reused": entry.reused,
            "record": entry.record,
        }
        for entry, name in lines
        if name in named
    ]
