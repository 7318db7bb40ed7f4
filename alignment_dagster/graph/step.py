"""A step of the chain: what an asset needs, what it is made from, and how it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.lineage.source_digest import code_digest
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.provenance import Check, Inputs, Parent
from alignment_dagster.study import Study

if TYPE_CHECKING:
    import dagster as dg

    from alignment_dagster.graph.materialize import Making

Partition = str | None
Which = Callable[["dg.DagsterInstance", "Lake", str, "Wanted"], str | None]
"""From instance, lake, study and what is wanted: a version, or None."""


@dataclass(frozen=True)
class Wanted:
    """A parent that a step reads: one partition of an asset, or one file (`part`) of it."""

    asset: str
    partition: Partition = None
    part: str | None = None
    required: bool = True
    """An optional parent is left out where it has not been made."""
    which: "Which | None" = None
    """Finds another version than the current one; None of them where there is none."""


@dataclass(frozen=True)
class Parents:
    """The exact artifacts a step reads."""

    artifacts: tuple[tuple[Wanted, Artifact], ...]

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
            for wanted, artifact in self.artifacts
            if wanted.asset == asset and partition in (None, wanted.partition)
        }
        return list(unique.values())

    def chosen(self, which: Which, asset: str | None = None) -> Artifact | None:
        """The parent (of that asset) that `which` found; None where it found none."""
        found = (
            one
            for wanted, one in self.artifacts
            if wanted.which is which and asset in (None, wanted.asset)
        )
        return next(found, None)

    def records(self) -> tuple[Parent, ...]:
        return tuple(artifact.as_parent(wanted.part) for wanted, artifact in self.artifacts)

    def distinct(self) -> tuple[Artifact, ...]:
        return tuple({artifact.path: artifact for _, artifact in self.artifacts}.values())


@dataclass(frozen=True)
class Made:
    """What a build gives back besides the files it wrote."""

    checks: Sequence[Check]
    measured: Mapping[str, float | str] = field(default_factory=dict)
    """What is true of this run only (seconds, memory); recorded in the provenance."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What is true of the artifact; logged in MLflow against the artifact itself."""


@dataclass(frozen=True)
class Step:
    """One asset of every study's graph.

    `wants` names the parents, `declared` the part of the declaration that matters, `outside` the
    digests of what is read from outside the lake; together with the code they are the inputs that
    decide whether anything has to run. `build` writes the artifact's files.
    """

    asset: str
    group: str
    kinds: frozenset[str]
    description: str
    code: tuple[str, ...]
    """Modules (paths in the package) that can change the bytes; what they import counts too."""
    partitions: Callable[[Study], tuple[str, ...]]
    wants: Callable[[Study, Partition], Sequence[Wanted]]
    declared: Callable[[Study, Partition], Mapping[str, Any]]
    build: Callable[["Making"], Made]
    describe: Callable[[Study, Artifact], Mapping[str, Any]]
    checks: Mapping[str, str]
    """Checks that block what follows: name → what they say."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """Checks that say what is to be looked at and block nothing: name → what they say."""
    claims: Callable[[Study], Mapping[str, str]] = lambda _study: {}
    """Checks that report what the study claimed and block nothing: name → the claim."""
    also: tuple[str, ...] = ()
    """Other assets that are made together with this one."""
    outside: Callable[[Study, Partition], Mapping[str, str]] = lambda _study, _partition: {}
    only_where: Callable[[Study], bool] = lambda _study: True
    """Studies that do not declare what the asset is about do not have it."""

    def exists(self, study: Study) -> bool:
        """Whether the study has the asset: a partitioned one without partitions is left out."""
        partitioned = self.partitions is not no_partitions
        return self.only_where(study) and (not partitioned or bool(self.partitions(study)))

    def check_texts(self, study: Study) -> Mapping[str, str]:
        """Every check of the asset, blocking or not: name → what it says."""
        return {**self.checks, **self.warnings, **self.claims(study)}

    @property
    def selects(self) -> tuple[str, ...]:
        """The Dagster assets that one run of this step materializes."""
        return (self.asset, *self.also)

    @property
    def code_version(self) -> str:
        return code_digest(*self.code)[:16]

    def inputs(self, study: Study, partition: Partition, parents: Parents) -> Inputs:
        """Everything that determines the artifact's bytes."""
        return Inputs(
            study=study.name,
            asset=self.asset,
            partition=partition,
            declaration=sha256_json(self.declared(study, partition)),
            code=code_digest(*self.code),
            parents=parents.records(),
            outside=dict(self.outside(study, partition)),
        )


def no_partitions(_study: Study) -> tuple[str, ...]:
    """For an asset that is one thing in each study."""
    return ()


def by_source(study: Study) -> tuple[str, ...]:
    """One partition a source."""
    return tuple(source.name for source in study.sources)


def by_recipe(study: Study) -> tuple[str, ...]:
    """One partition a recipe."""
    return tuple(recipe.name for recipe in study.recipes)


def by_recipe_and_seed(study: Study) -> tuple[str, ...]:
    """One partition a recipe and seed: `recipe|seed`."""
    seeds = study.declaration.seeds
    return tuple(f"{recipe.name}|{seed}" for recipe in study.recipes for seed in seeds)


def recipe_of(partition: Partition) -> str:
    """The recipe of a partition `recipe` or `recipe|seed`."""
    return (partition or "").split("|")[0]


def seed_of(partition: Partition) -> int:
    """The seed of a partition `recipe|seed`."""
    return int((partition or "").split("|")[1])
