"""Doing what a plan says: for each artifact a signed tombstone first, then its files go."""

import shutil
from datetime import datetime

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.checkout import git_state
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.signing import Signer
from alignment_dagster.lineage.statement import subject_name
from alignment_dagster.lineage.tombstone import (
    Tombstone,
    remove_files,
    tombstone_statement,
    write_tombstone,
)
from alignment_dagster.refresh.retention.plan import Plan
from alignment_dagster.study import Study, digest

COMMAND = "alignment lake gc"


def remove(plan: Plan, study: Study, now: datetime) -> None:
    """Remove everything that the plan names; stopped at any point, the next time goes on.

    Raises:
        ArtifactError: if the lake cannot be written to.
    """
    try:
        signer = plan.archive.lake.keys.signer()
        for artifact in plan.half:
            remove_files(artifact.path)
        # Before the tombstones, which need a little room: a full disk is a reason to be here.
        for folder in plan.folders:
            shutil.rmtree(folder)
        for artifact in plan.collect:
            _collect(plan, artifact, _tombstone(plan, artifact, study, now), signer)
    except OSError as error:
        where = error.filename or plan.archive.lake.root
        message = f"{where}: cannot be removed or written to ({error.strerror})"
        raise ArtifactError(message) from None


def _collect(plan: Plan, artifact: Artifact, stone: Tombstone, signer: Signer) -> None:
    lake = plan.archive.lake
    subject = subject_name(plan.archive.study, artifact.asset, artifact.partition, artifact.version)
    envelope = signer.sign(tombstone_statement(subject, artifact.digest, stone))
    with lake.staging() as aside:
        write_tombstone(artifact.path, envelope, aside)
    remove_files(artifact.path)


def _tombstone(plan: Plan, artifact: Artifact, study: Study, now: datetime) -> Tombstone:
    retention = plan.retention
    return Tombstone(
        time=now.isoformat(timespec="seconds"),
        rule=(
            f"nothing current, no review and none of the last {retention.reports} reports rests on "
            f"it, and it did not become current within {retention.days} days"
        ),
        reports=retention.reports,
        days=retention.days,
        declaration=digest(study.declaration),
        by=f"{COMMAND} (commit {git_state()['commit'][:12]})",
        record=artifact.record,
        files=dict(artifact.manifest.files),
        bytes=sum(artifact.manifest.sizes.values()),
    )
