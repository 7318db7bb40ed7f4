"""A step of the chain: what an asset is made from, and how it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alignment_dagster.chain import CHAIN, Asset
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.graph.partitions import KEYS
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check, Inputs
from alignment_dagster.study import Study


@dataclass(frozen=True)
class BuildResult:
    """What a build gives back besides the files it wrote."""

    checks: Sequence[Check]
    measured: Mapping[str, float | str] = field(default_factory=dict)
    """What is true of this run only (seconds, memory); recorded in the provenance."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What is true of the artifact; logged in MLflow against the artifact itself."""


@dataclass(frozen=True)
class Step:
    """How an asset of the chain is made.

    `parents` names the exact parents, `config` the part of the declaration that matters,
    `external_inputs` the digests of what is read from outside the lake; together with the code
    version they are the inputs that decide whether anything has to run. `build` writes the
    artifact's files.
    """

    asset: str
    """Its name in the chain."""
    kinds: frozenset[str]
    description: str
    code_version: str
    """Raised when the step's bytes change on purpose; golden digests notice when it was not."""
    modules: tuple[str, ...]
    """Modules (paths in the package) that decide the bytes: their digest is recorded as evidence,
    and makes nothing stale."""
    parents: Callable[[Study, Partition], Sequence[ParentSpec]]
    config: Callable[[Study, Partition], Mapping[str, Any]]
    build: Callable[[BuildContext], BuildResult]
    page_metadata: Callable[[Study, Artifact], Mapping[str, Any]]
    checks: Mapping[str, str]
    """Checks that block what follows: name → what they say."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """Checks that say what is to be looked at and block nothing: name → what they say."""
    claims: Callable[[Study], Mapping[str, str]] = lambda _study: {}
    """Checks that report what the study claimed and block nothing: name → the claim."""
    co_materialized: tuple[str, ...] = ()
    """Other Dagster assets that are made together with this one."""
    external_inputs: Callable[[Study, Partition], Mapping[str, str]] = lambda _study, _partition: {}
    exists: Callable[[Study], bool] = lambda _study: True
    """Studies that do not declare what the asset is about do not have it."""

    @property
    def chain(self) -> Asset:
        """Its place in the chain."""
        return CHAIN[self.asset]

    def partitions(self, study: Study) -> tuple[str, ...]:
        """The keys of its partitions; none for what has none, or does not exist in the study."""
        return KEYS[self.chain.by](study) if self.exists(study) else ()

    def check_texts(self, study: Study) -> Mapping[str, str]:
        """Every check of the asset, blocking or not: name → what it says."""
        return {**self.checks, **self.warnings, **self.claims(study)}

    @property
    def selects(self) -> tuple[str, ...]:
        """The Dagster assets that one run of this step materializes."""
        return (self.asset, *self.co_materialized)

    def inputs(
        self,
        study: Study,
        partition: Partition,
        parents: Parents,
        external_inputs: Mapping[str, str] | None = None,
    ) -> Inputs:
        """Everything that determines the artifact's bytes.

        Args:
            external_inputs: where the caller has read them already.
        """
        read = (
            self.external_inputs(study, partition) if external_inputs is None else external_inputs
        )
        return Inputs(
            study=study.name,
            asset=self.asset,
            partition=partition,
            declaration=sha256_json(self.config(study, partition)),
            code_version=self.code_version,
            parents=parents.records(),
            external_inputs=dict(read),
        )
