"""The same check of some artifacts and all that they were made from, before building on them.

The databases may hold a run that goes on: the one that asks.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from alignment_dagster.audit.check.code import check_code
from alignment_dagster.audit.check.events import check_events, read_dagster
from alignment_dagster.audit.check.file_hashes import FileHasher
from alignment_dagster.audit.check.journal import check_entries, read_journal
from alignment_dagster.audit.check.mlflow_reader import read_mlflow
from alignment_dagster.audit.check.mlflow_runs import check_runs, find_settled_keys
from alignment_dagster.audit.check.records import check_parents, check_records
from alignment_dagster.audit.check.report import CheckReport
from alignment_dagster.audit.check.scope import (
    Findings,
    Scope,
    count_workers,
)
from alignment_dagster.audit.check.study import check_contents, journalled
from alignment_dagster.audit.check.survey import read_artifact
from alignment_dagster.audit.check.tombstones import check_tombstones
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.ancestry import ancestry, children_of, parent_keys
from alignment_dagster.lineage.archive import Archive, chain_order
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key


def check_ancestors(
    archive: Archive, home: Home, roots: Sequence[Artifact], instance: Any | None = None
) -> CheckReport:
    """What does not close in these artifacts and everything that they were made from.

    Args:
        instance: of Dagster, where one is open already.
    """
    started = time.monotonic()
    found = Findings()
    artifacts = _ancestors(archive, roots, found)
    hashing = FileHasher(artifacts.values(), count_workers())
    scope = Scope(archive, home, artifacts, artifacts, found, children_of(artifacts.values()))
    check_records(scope)
    check_code(scope)
    check_parents(scope, artifacts)
    journal = read_journal(scope).about(artifacts)
    check_entries(scope, journal, artifacts)
    check_tombstones(scope, journal)
    with found.guard("dagster", "Dagster's database"):
        check_events(scope, journal, read_dagster(scope, journal, instance))
    with found.guard("mlflow", "MLflow's database"):
        settled = find_settled_keys(scope, journalled(journal)) | {one.key for one in roots}
        check_runs(scope, read_mlflow(home, archive.study), settled)
    hashing.report(found)
    check_contents(scope, hashing)
    return CheckReport(
        study=archive.study,
        gaps=tuple(found.gaps),
        changes=(),
        notes=tuple(found.notes),
        counts=dict(found.counts),
        seconds=time.monotonic() - started,
    )


def _ancestors(
    archive: Archive, roots: Iterable[Artifact], findings: Findings
) -> dict[Key, Artifact]:
    """As far as the records can be read; what is missing or damaged is a gap."""
    artifacts = {root.key: root for root in roots}

    def parents(key: Key) -> list[Key]:
        artifact = artifacts.get(key) or read_artifact(archive, findings, key)
        if artifact is None:
            return []
        artifacts[key] = artifact
        return parent_keys(artifact)

    ancestry(list(artifacts), parents)
    return {key: artifacts[key] for key in sorted(artifacts, key=chain_order)}
