"""The same check of some artifacts and all that they were made from, before building on them.

The databases may hold a run that goes on: the one that asks.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from alignment_dagster.audit.check.events import check_events, read_dagster
from alignment_dagster.audit.check.file_hashes import FileHasher
from alignment_dagster.audit.check.journal import JournalLine, check_entries, read_journal
from alignment_dagster.audit.check.mlflow_reader import read_mlflow
from alignment_dagster.audit.check.mlflow_runs import check_runs, find_settled_keys
from alignment_dagster.audit.check.records import check_parents, check_records
from alignment_dagster.audit.check.report import CheckReport, Gap
from alignment_dagster.audit.check.scope import (
    Findings,
    Scope,
    children_of,
    count_workers,
    key_of,
    parent_key,
)
from alignment_dagster.audit.check.study import check_contents, journalled
from alignment_dagster.audit.check.survey import chain_position, read_artifact
from alignment_dagster.audit.check.tombstones import check_tombstones
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive, Key
from alignment_dagster.lineage.lake import Artifact


def check_closure(archive: Archive, home: Home, roots: Sequence[Artifact]) -> tuple[Gap, ...]:
    """What does not close in these artifacts and everything they were made from."""
    return check_ancestors(archive, home, roots).gaps


def check_ancestors(
    archive: Archive, home: Home, roots: Sequence[Artifact], instance: Any | None = None
) -> CheckReport:
    """The whole outcome; an `instance` of Dagster that is open already is used."""
    started = time.monotonic()
    found = Findings()
    artifacts = _closure(archive, roots, found)
    hashing = FileHasher(artifacts.values(), count_workers())
    scope = Scope(archive, home, artifacts, artifacts, found, children_of(artifacts.values()))
    check_records(scope)
    check_parents(scope, artifacts)
    lines = [line for line in read_journal(scope) if _key(line) in artifacts]
    check_entries(scope, lines, artifacts)
    check_tombstones(scope, lines)
    with found.guard("dagster", "Dagster's database"):
        check_events(scope, lines, read_dagster(scope, lines, instance))
    with found.guard("mlflow", "MLflow's database"):
        settled = find_settled_keys(scope, journalled(lines)) | {key_of(one) for one in roots}
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


def _key(line: JournalLine) -> Key:
    return (line.entry.asset, line.entry.partition, line.entry.version)


def _closure(
    archive: Archive, roots: Iterable[Artifact], findings: Findings
) -> dict[Key, Artifact]:
    """As far as the records can be read; what is missing or damaged is a gap."""
    reached = {key_of(root): root for root in roots}
    waiting = [
        parent_key(one) for root in reached.values() for one in root.provenance.inputs.parents
    ]
    seen = set(reached)
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            artifact = read_artifact(archive, findings, key)
            if artifact is not None:
                reached[key] = artifact
                waiting += [parent_key(one) for one in artifact.provenance.inputs.parents]
    return dict(sorted(reached.items(), key=lambda item: chain_position(item[0])))
