"""Resolving parents: what is current of exactly the partition that is wanted, verified."""

from collections.abc import Callable, Sequence
from functools import partial

import dagster as dg

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition, partition_label


def resolve(
    instance: dg.DagsterInstance,
    lake: Lake,
    study: str,
    wanted: Sequence[ParentSpec],
    opened: dict[tuple[str, Partition, str], Artifact] | None = None,
    current: Callable[[str, Partition], str | None] | None = None,
) -> Parents:
    """Find and verify every parent; `opened` remembers what was verified before.

    Args:
        current: the version of an asset's partition, where somebody remembers it.

    Raises:
        ArtifactError: if a parent is not there, was altered, or failed a blocking check.
    """
    opened = {} if opened is None else opened
    current = current or partial(current_version, instance, lake, study)
    found = []
    for item in wanted:
        version = (
            item.selector(instance, lake, study, item)
            if item.selector is not None
            else current(item.asset, item.partition)
        )
        if version is None:
            if item.required:
                name = partition_label(item.asset, item.partition)
                raise ArtifactError(f"{study}: {name} has not been materialized yet")
            continue
        key = (item.asset, item.partition, version)
        if key not in opened:
            opened[key] = _usable(lake.open(study, item.asset, item.partition, version))
        found.append((item, opened[key]))
    return Parents(tuple(found))


def _usable(artifact: Artifact) -> Artifact:
    failed = artifact.provenance.failed
    if failed:
        reasons = "; ".join(f"{check.name}: {check.summary}" for check in failed)
        raise ArtifactError(f"{artifact.label} failed a blocking check: {reasons}")
    return artifact
