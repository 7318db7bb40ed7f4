"""Which version of a source its next one is compared with: the last one that was let through.

`corpus_drift` reads a source twice, as it is and as it was. What it was compared with lies in its
own provenance: the documents and scores of now, then those of before, in the order of `COMPARED`.
"""

from collections.abc import Iterator

import dagster as dg

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Parent

COMPARED = (chain.RAW_CORPUS, chain.SCORED_CORPUS)

SourceVersion = tuple[Parent, ...]
"""One version of a source: its documents and its scores."""


def accepted_version(
    instance: dg.DagsterInstance, lake: Lake, study: str, spec: ParentSpec
) -> str | None:
    """The version of documents or scores that `spec` names, as it was last let through.

    Where that is the current version itself, the one that it was compared with: nothing changed,
    and nothing has to run. A version that is no longer in the lake gives way to the one before.
    """
    found = _reference(instance, lake, study, spec.partition)
    return found[COMPARED.index(spec.asset)].version if found else None


def _reference(
    instance: dg.DagsterInstance, lake: Lake, study: str, partition: Partition
) -> SourceVersion | None:
    current = _current(instance, lake, study, partition)
    if current is None:
        return None
    for number, passed in enumerate(_passed(lake, study, partition)):
        parents = passed.provenance.inputs.parents
        now, then = parents[: len(COMPARED)], parents[len(COMPARED) :]
        same = tuple(parent.digest for parent in now) == current
        if same and number == 0 and not then:
            return None
        found = then if same and number == 0 else () if same else now
        if found and all(
            one.version in lake.versions(study, one.asset, one.partition) for one in found
        ):
            return found
    return None


def _current(
    instance: dg.DagsterInstance, lake: Lake, study: str, partition: Partition
) -> tuple[str, ...] | None:
    """Digests of the documents and scores as they are; None before there are any."""
    versions = [current_version(instance, lake, study, asset, partition) for asset in COMPARED]
    named = [(asset, version) for asset, version in zip(COMPARED, versions, strict=True) if version]
    if len(named) < len(COMPARED):
        return None
    return tuple(lake.read(study, asset, partition, version).digest for asset, version in named)


def _passed(lake: Lake, study: str, partition: Partition) -> Iterator[Artifact]:
    """Every drift check of the source that passed and is in the lake, the latest first."""
    there = set(lake.versions(study, chain.CORPUS_DRIFT, partition))
    for entry in lake.journal(study).history().entries(chain.CORPUS_DRIFT, partition):
        version = entry.version
        if version not in there:
            continue
        there.discard(version)
        try:
            artifact = lake.read(study, chain.CORPUS_DRIFT, partition, version)
        except ArtifactError:  # removed this moment, or damaged: nothing is compared with it
            continue
        if not artifact.provenance.failed:
            yield artifact
