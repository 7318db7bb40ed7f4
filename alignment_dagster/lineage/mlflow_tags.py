"""What ties a run in MLflow to its artifact: tags and digests. Imports no MLflow."""

import base64

from alignment_dagster.foundation import page_links
from alignment_dagster.lineage.lake import Artifact

DIGEST_LENGTH = 36
STUDY = "alignment.study"
ASSET = "alignment.asset"
PARTITION = "alignment.partition"
VERSION = "alignment.version"
OUTPUT_DIGEST = "alignment.digest"
RECORD = "alignment.record"
DAGSTER_RUN = "dagster.run_id"
NOTE = "mlflow.note.content"
"""What MLflow's page shows as the run's description."""


def short_digest(digest: str) -> str:
    """A SHA-256 in base64url, cut to the 36 characters MLflow takes; the whole is in a tag."""
    return base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()[:DIGEST_LENGTH]


def tags(artifact: Artifact) -> dict[str, str]:
    """What ties a run to its artifact, and the links to the pages that show it."""
    provenance = artifact.provenance
    study = provenance.inputs.study
    asset = page_links.dagster_asset(study, artifact.asset, artifact.partition)
    page = page_links.audit_page(study, artifact.asset, artifact.partition, artifact.version)
    run = page_links.dagster_run(provenance.dagster_run_id or "")
    note = f"`{artifact.label}`: [audit]({page}) · [asset in Dagster]({asset}) · [run]({run})"
    return {
        VERSION: artifact.version,
        OUTPUT_DIGEST: artifact.digest,
        RECORD: artifact.record,
        NOTE: note,
    }
