"""One side of a comparison: a report, or one recipe of a report, and all that lies behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alignment_dagster import chain
from alignment_dagster.chain import OF_RECIPES
from alignment_dagster.lineage.ancestry import ancestry, parents_of
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import (
    find_seed,
    partition_label,
    recipe_of,
    replicate,
    seed_of,
)
from alignment_dagster.lineage.provenance import Key as ArtifactKey
from alignment_dagster.lineage.provenance import Parent

MEASUREMENTS = (chain.EVALUATION, chain.TAMPERING, chain.ATTACKS, chain.HARNESS)
"""What the numbers were measured in."""
OWN = "(recipe)"
"""Stands for the recipe where two recipes are compared: what is the same but for its name."""

Key = tuple[str, str | None]
"""Asset and partition."""


@dataclass(frozen=True)
class Side:
    """What one side rests on: a report, or a report's measurements of one recipe."""

    archive: Archive
    title: str
    report: Artifact
    recipe: str | None = None
    """Where recipes are compared, which one."""

    @cached_property
    def roots(self) -> tuple[Artifact, ...]:
        """The report; of a recipe, its measurements in the report."""
        if self.recipe is None:
            return (self.report,)
        return tuple(
            artifact
            for artifact in self.archive.parents(self.report)
            if artifact.asset in MEASUREMENTS and recipe_of(artifact.partition) == self.recipe
        )

    @cached_property
    def ancestors(self) -> list[Artifact]:
        """The roots and all that they were made from."""
        return self.archive.ancestors(self.roots, compared=False)

    @cached_property
    def nearest(self) -> Mapping[Key, Artifact]:
        """Of each asset and partition the artifact nearest to the roots.

        Several versions may lie behind a report: what need not run again keeps its parents.
        """
        found: dict[Key, Artifact] = {}
        reached = {root.key: root for root in self.roots}

        def parents(key: ArtifactKey) -> list[ArtifactKey]:
            artifact = reached[key]
            if found.setdefault(self.key(artifact), artifact) is not artifact:
                return []
            above = self.archive.parents(artifact, compared=False)
            reached.update({one.key: one for one in above if one.key not in reached})
            return [one.key for one in above]

        ancestry(list(reached), parents)
        return found

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """Of what the artifacts behind the roots read more than one content."""
        read: dict[tuple[Key, str | None], set[str]] = {}
        for artifact in self.ancestors:
            for parent in parents_of(artifact, compared=False):
                read.setdefault((self.key(parent), parent.part), set()).add(parent.digest)
        found = (key for (key, _), digests in read.items() if len(digests) > 1)
        return tuple(dict.fromkeys(format_key(key) for key in found))

    def key(self, artifact: Artifact | Parent) -> Key:
        """Asset and partition, with the compared recipe's name left out."""
        partition = artifact.partition
        own = self.recipe is not None and recipe_of(partition) == self.recipe
        if own and artifact.asset in OF_RECIPES:
            partition = OWN if (seed := find_seed(partition)) is None else replicate(OWN, seed)
        return artifact.asset, partition

    def source(self, parent: Parent) -> Artifact:
        """The artifact that an input came from: where its bytes are the same, the nearest one.

        An artifact that need not be made again keeps its older parents, whose declarations say
        nothing about this side.
        """
        near = self.nearest.get(self.key(parent))
        if near is not None:
            found = near.manifest.files.get(parent.part) if parent.part else near.digest
            if found == parent.digest:
                return near
        return self.archive.parent(parent)

    def part(self, parent: Parent) -> str | None:
        """The file that was read, with the compared recipe's name left out."""
        if self.recipe is not None and parent.part and parent.part.startswith(f"{self.recipe}/"):
            return OWN + parent.part.removeprefix(self.recipe)
        return parent.part

    def declared(self, artifact: Artifact) -> Mapping[str, Any]:
        """What was declared for an artifact; where recipes are compared, of this recipe alone."""
        declared = artifact.provenance.declared
        if self.recipe is None or not isinstance(declared.get("recipes"), list):
            return declared
        own = [one for one in declared["recipes"] if one["name"] == self.recipe]
        return {**declared, "recipes": [{**one, "name": OWN} for one in own]}

    def one(self, asset: str, partition: str | None = None) -> Artifact:
        """The only artifact of an asset (and partition)."""
        (artifact,) = self.all(asset, partition)
        return artifact

    def all(self, asset: str, partition: str | None = None) -> list[Artifact]:
        """The artifacts of an asset, those nearest to the roots."""
        return [
            artifact
            for artifact in self.nearest.values()
            if artifact.asset == asset and partition in (None, artifact.partition)
        ]

    def distinct(self) -> tuple[Artifact, ...]:
        """Each artifact nearest to the roots."""
        return tuple(self.nearest.values())

    @cached_property
    def seeds(self) -> Mapping[str, tuple[int, ...]]:
        """Recipe → the seeds that were evaluated."""
        found: dict[str, list[int]] = {}
        for artifact in self.all(chain.EVALUATION):
            partition = self.key(artifact)[1]
            found.setdefault(recipe_of(partition), []).append(seed_of(partition))
        return {recipe: tuple(sorted(seeds)) for recipe, seeds in found.items()}


def format_key(key: Key) -> str:
    """`asset[partition]`."""
    return partition_label(*key)
