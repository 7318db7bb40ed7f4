"""The scores that a partition had until now, as far as they may be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster import chain
from alignment_dagster.corpus.documents import short_ids
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.current import current_version
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Inputs, environment
from alignment_dagster.lineage.shards import read_tables, shard_files, shard_names
from alignment_dagster.scoring.scorer import FAILURES
from alignment_dagster.study.classifiers import SCORER
from alignment_dagster.study.treatments import SENTENCE


@dataclass(frozen=True)
class Earlier:
    """An earlier `scored_corpus`, its documents, and which of its scorers looked at the same."""

    artifact: Artifact | None = None
    documents: Artifact | None = None
    scorers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, context: BuildContext) -> "Earlier":
        """The current version, verified; nothing of it where code or packages are others.

        Ids stand for texts only where the documents were read by the same reader, so its code and
        declaration count too.
        """
        lake, study = context.stores.lake, context.study
        version = current_version(
            context.dagster.instance, lake, study.name, context.asset, context.partition
        )
        if version is None:
            return cls()
        try:
            found = lake.open(study.name, context.asset, context.partition, version)
            inputs = found.provenance.inputs
            (parent,) = (one for one in inputs.parents if one.asset == chain.RAW_CORPUS)
            read = lake.read(inputs.study, parent.asset, parent.partition, parent.version)
            lake.require_files(read)
        except ArtifactError as error:
            context.dagster.log.warning(f"every document is scored again: {error}")
            return cls()
        documents = context.parents.one(chain.RAW_CORPUS)
        same = (
            _code_and_declaration(read) == _code_and_declaration(documents)
            and inputs.code_version == context.inputs.code_version
            and _packages(found.provenance.environment) == _packages(environment())
        )
        return cls(found, read, _unchanged_scorers(inputs, context.inputs)) if same else cls()

    def shard(self, scorer: str, number: int, digest: str) -> Path | None:
        """The scorer's columns of the shard with this digest, if it had the same number."""
        name = file_names.shard(file_names.RAW_DOCUMENTS, number)
        if (
            self.artifact is None
            or self.documents is None
            or scorer not in self.scorers
            or self.documents.manifest.files.get(name) != digest
        ):
            return None
        return self.artifact.path / file_names.shard(file_names.scores(scorer), number)

    def failures(self) -> pa.Table:
        """The documents that its scorers could not score, as far as they are not asked again."""
        if self.artifact is None:
            return FAILURES.empty_table()
        found = read_tables(shard_files(self.artifact, file_names.FAILURES))
        return found.filter(pc.is_in(found["scorer"], pa.array(sorted(self.scorers), pa.string())))

    def overlaps(self, shards: Sequence[Path]) -> dict[Path, tuple[int, ...]]:
        """Shard → the numbers of the earlier shards that hold some of its documents."""
        if self.documents is None or not self.scorers:
            return dict.fromkeys(shards, ())
        before = [_ids(path) for path in shard_files(self.documents, file_names.RAW_DOCUMENTS)]
        numbers = np.repeat(np.arange(len(before)), [ids.size for ids in before])
        all_ids = np.concatenate(before)
        order = np.argsort(all_ids, kind="stable")
        return {path: _numbers_of(_ids(path), all_ids[order], numbers[order]) for path in shards}

    def files(self, scorer: str, numbers: Sequence[int]) -> tuple[Path, ...]:
        """The scorer's columns of earlier shards; none where it has to look again."""
        if self.artifact is None or scorer not in self.scorers:
            return ()
        names = shard_names(self.artifact.manifest, file_names.scores(scorer))
        return tuple(self.artifact.path / names[number] for number in numbers)


def _ids(path: Path) -> NDArray[np.bytes_]:
    return short_ids(pq.read_table(path, columns=["document_id"])["document_id"].to_pylist())


def _numbers_of(
    ids: NDArray[np.bytes_], known: NDArray[np.bytes_], numbers: NDArray[np.intp]
) -> tuple[int, ...]:
    places = np.minimum(np.searchsorted(known, ids), known.size - 1)
    return tuple(int(one) for one in np.unique(numbers[places][known[places] == ids]))


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
        if before.external_inputs.get(name) == digest
        and then.get(name.removesuffix(SENTENCE)) == today.get(name.removesuffix(SENTENCE))
    )


def _classifiers(inputs: Inputs) -> Mapping[str, str]:
    """Scorer → the digest of the classifier that it asks."""
    found = (one for one in inputs.parents if one.asset == chain.CLASSIFIER)
    return {f"{SCORER}{one.partition}": one.digest for one in found}
