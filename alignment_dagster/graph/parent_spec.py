"""Which parents a step reads, and the exact artifacts that were found for them."""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Parent

VersionSelector = Callable[[dg.DagsterInstance, Lake, str, "ParentSpec"], str | None]
"""From instance, lake, study and what is to be read: a version, or None."""


@dataclass(frozen=True)
class ParentSpec:
    """A parent that a step reads: one partition of an asset, or one file (`part`) of it."""

    asset: str
    partition: Partition = None
    part: str | None = None
    required: bool = True
    """An optional parent is left out where it has not been made."""
    selector: VersionSelector | None = None
    """Finds another version than the current one; None of them where there is none."""


@dataclass(frozen=True)
class Parents:
    """The exact artifacts a step reads."""

    artifacts: tuple[tuple[ParentSpec, Artifact], ...]

    def one(self, asset: str, partition: Partition = None) -> Artifact:
        """The only parent of that asset (and partition)."""
        found = self.all(asset, partition)
        if len(found) != 1:
            raise LookupError(f"{len(found)} parents {asset}[{partition}]")
        return found[0]

    def all(self, asset: str, partition: Partition = None) -> list[Artifact]:
        """The parents of that asset, in the order in which the step names them."""
        unique = {
            artifact.path: artifact
            for spec, artifact in self.artifacts
            if spec.asset == asset and partition in (None, spec.partition)
        }
        return list(unique.values())

    def selected(self, selector: VersionSelector, asset: str | None = None) -> Artifact | None:
        """The parent (of that asset) that `selector` found; None where it found none."""
        found = (
            one
            for spec, one in self.artifacts
            if spec.selector is selector and asset in (None, spec.asset)
        )
        return next(found, None)

    def records(self) -> tuple[Parent, ...]:
        return tuple(artifact.as_parent(spec.part) for spec, artifact in self.artifacts)

    def distinct(self) -> tuple[Artifact, ...]:
        return tuple({artifact.path: artifact for _, artifact in self.artifacts}.values())
