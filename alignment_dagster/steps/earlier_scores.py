"""The scores that a partition had until now, as far as they may be kept."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parents import current_version
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Inputs, environment
from alignment_dagster.scoring import Scorer
from alignment_dagster.study.classifiers import SCORER


@dataclass(frozen=True)
class Earlier:
    """An earlier `scored_corpus`, and which of its scorers looked at the same code and lists."""

    artifact: Artifact | None
    scorers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, context: BuildContext) -> "Earlier":
        """The current version, verified; nothing of it where code or packages are others.

        Ids stand for texts only where the documents were read by the same reader, so its code and
        declaration count too.
        """
        lake, study = context.stores.lake, context.study
        version = current_version(
            context.dagster.instance, study.name, context.asset, context.partition
        )
        if version is None:
            return cls(None)
        try:
            found = lake.open(study.name, context.asset, context.partition, version)
            inputs = found.provenance.inputs
            (parent,) = (one for one in inputs.parents if one.asset == chain.RAW_CORPUS)
            read = lake.read(inputs.study, parent.asset, parent.partition, parent.version)
        except ArtifactError as error:
            context.dagster.log.warning(f"every document is scored again: {error}")
            return cls(None)
        documents = context.parents.one(chain.RAW_CORPUS)
        same = (
            _code_and_declaration(read) == _code_and_declaration(documents)
            and inputs.code_version == context.inputs.code_version
            and _packages(found.provenance.environment) == _packages(environment())
        )
        return cls(found, _unchanged_scorers(inputs, context.inputs) if same else frozenset())

    def scores(self, scorer: Scorer) -> pa.Table:
        """What the scorer found before, by document; empty where it has to look again."""
        if self.artifact is None or scorer.name not in self.scorers:
            return scorer.empty_table
        return pq.read_table(self.artifact.path / file_names.scores(scorer.name))


def _code_and_declaration(documents: Artifact) -> tuple[str, str]:
    inputs = documents.provenance.inputs
    return inputs.code_version, inputs.declaration


def _packages(recorded: Mapping[str, str]) -> Mapping[str, str]:
    """All but this one: of its code, the versions of step and scorers speak."""
    return {name: version for name, version in recorded.items() if name != "alignment-dagster"}


def _unchanged_scorers(before: Inputs, now: Inputs) -> frozenset[str]:
    """Those of the same version that look at the same; of classifiers those of the same content."""
    then, today = _classifiers(before), _classifiers(now)
    return frozenset(
        name
        for name, digest in now.external_inputs.items()
        if before.external_inputs.get(name) == digest and then.get(name) == today.get(name)
    )


def _classifiers(inputs: Inputs) -> Mapping[str, str]:
    """Scorer → the digest of the classifier that it asks."""
    found = (one for one in inputs.parents if one.asset == chain.CLASSIFIER)
    return {f"{SCORER}{one.partition}": one.digest for one in found}
