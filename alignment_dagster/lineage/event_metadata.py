"""What every materialization event says of its artifact, as plain values.

Dagster's pages show it, and `audit check` holds the events against it.
"""

from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.lineage.lake import Artifact

VERSION = "artifact_version"
RECORD = "record_digest"


def event_metadata(artifact: Artifact) -> dict[str, str | float]:
    """Lineage, runs and time: name → text, number, or address."""
    provenance = artifact.provenance
    inputs = provenance.inputs
    return {
        "audit": page_links.audit_page(
            inputs.study, artifact.asset, artifact.partition, artifact.version
        ),
        "mlflow_run": page_links.mlflow_run(provenance.mlflow_run_id or ""),
        "parents": _parents_table(artifact),
        VERSION: artifact.version,
        "content_digest": artifact.digest,
        RECORD: artifact.record,
        "artifact": str(artifact.path),
        "seconds": provenance.seconds,
        "made_by_run": provenance.dagster_run_id or "",
    }


def event_name(asset: str, partition: str | None, version: str, run: str, timestamp: float) -> str:
    """How an acknowledgement names an event of Dagster's: by all that tells it from others."""
    told = sha256_text(asset, partition or "", version, run, repr(float(timestamp)))
    return f"event {told[:16]} of {asset}"


def _parents_table(artifact: Artifact) -> str:
    """In Markdown, each parent with its pages."""
    inputs = artifact.provenance.inputs
    if not inputs.parents:
        return "none: this comes from outside the lake"
    rows = ["| asset | partition | version | part |", "|---|---|---|---|"]
    for parent in inputs.parents:
        asset = page_links.dagster_asset(inputs.study, parent.asset, parent.partition)
        page = page_links.audit_page(inputs.study, parent.asset, parent.partition, parent.version)
        rows.append(
            f"| [{parent.asset}]({asset}) | {(parent.partition or '').replace('|', ', seed ')} "
            f"| [`{parent.version}`]({page}) | {parent.part or 'all'} |"
        )
    return "\n".join(rows)
