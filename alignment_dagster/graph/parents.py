"""Resolving parents: the latest materialization of exactly the partition that is wanted.

Dagster's own pointer names the parent's last event whatever its partition, so it cannot be used.
"""

from collections.abc import Callable, Sequence
from functools import partial

import dagster as dg

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.lineage.event_metadata import VERSION
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition, partition_label


def current_version(
    instance: dg.DagsterInstance, study: str, asset: str, partition: Partition
) -> str | None:
    """The version that the partition's latest materialization names; None before the first."""
    key = dg.AssetKey([study, asset])
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=[partition] if partition else None
    )
    records = instance.fetch_materializations(wanted, limit=1).records
    materialization = records[0].asset_materialization if records else None
    if materialization is None:
        return None
    value = materialization.metadata.get(VERSION)
    return str(value.value) if value is not None else None


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
    current = current or partial(current_version, instance, study)
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
