"""What is being made at the moment, or has been asked for: the partitions of unfinished runs."""

import dagster as dg

from alignment_dagster.foundation.process_owner import PROCESS_TAG, is_dead
from alignment_dagster.lineage.partition_keys import Partition

ASSETS_TAG = ".dagster/alignment_assets"
"""Of a job's runs: the assets that it makes, for runs that do not say which they select."""
PARTITION_TAG = "dagster/partition"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.MANAGED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

InProgress = frozenset[tuple[str, Partition]]


def in_progress(instance: dg.DagsterInstance, study: str) -> InProgress:
    """Asset and partition of everything that an unfinished run of the study makes."""
    found: set[tuple[str, Partition]] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if is_dead(run.tags.get(PROCESS_TAG)):
            continue
        partition = run.tags.get(PARTITION_TAG)
        found |= {(asset, partition) for asset in _assets(run, study)}
    return frozenset(found)


def _assets(run: dg.DagsterRun, study: str) -> list[str]:
    if run.asset_selection:
        return [key.path[-1] for key in run.asset_selection if key.path[0] == study]
    if run.tags.get("study") == study:
        return run.tags.get(ASSETS_TAG, "").split()
    return []
