"""What the page says about corpus, training and checks, read from the artifacts."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of, replicate, seed_of
from alignment_dagster.report.filter_quality import (
    COLUMNS,
    FilterQuality,
    measure_filter_quality,
)
from alignment_dagster.report.rows import (
    ArtifactVersion,
    CheckOutcome,
    CompositionRow,
    DispositionCount,
    LossPoint,
)

LOSS_POINTS = 200
"""Points of a loss curve; more cannot be seen."""


class Parents(Protocol):
    """The artifacts a report rests on."""

    def one(self, asset: str, partition: str | None = None) -> Artifact: ...

    def all(self, asset: str, partition: str | None = None) -> list[Artifact]: ...

    def distinct(self) -> tuple[Artifact, ...]: ...


def read_composition(parents: Parents) -> list[CompositionRow]:
    """Each recipe's training tokens by source."""
    path = parents.one(chain.MIX_COMPOSITION).path / file_names.MIX_COMPOSITION
    columns = ["recipe", "source", "group", "tokens", "share"]
    return [CompositionRow(**row) for row in pq.read_table(path, columns=columns).to_pylist()]


def read_losses(checkpoint: Artifact, parents: Parents) -> list[LossPoint]:
    """A checkpoint's loss curve, thinned; it begins with that of its trunk.

    Steps whose loss is no number, which a guard left out, are not on it.
    """
    columns = ["tokens", "loss"]
    log = pq.read_table(checkpoint.path / file_names.TRAINING_LOG, columns=columns)
    recipe, seed = recipe_of(checkpoint.partition), seed_of(checkpoint.partition)
    if trunk := checkpoint.provenance.declared.get("trunk"):
        before = parents.one(chain.TRUNK_CHECKPOINT, replicate(trunk["recipe"], seed))
        steps = pq.read_table(before.path / file_names.TRAINING_LOG, columns=columns)
        log = pa.concat_tables([steps.slice(0, trunk["steps"]), log])
    log = log.drop_null()
    every = max(1, log.num_rows // LOSS_POINTS)
    rows = log.to_pylist()[::every]
    return [LossPoint(recipe, seed, row["tokens"], row["loss"]) for row in rows]


def count_dispositions(recipe: str, parents: Parents) -> list[DispositionCount]:
    """How many documents of each source a recipe keeps, and drops by which rule."""
    path = parents.one(chain.DISPOSITIONS).path / file_names.pretraining_part(recipe)
    table = pq.read_table(path, columns=["source", "state", "rule", "characters"])
    counts = table.group_by(["source", "state", "rule"], use_threads=False).aggregate(
        [("characters", "count"), ("characters", "sum")]
    )
    return [
        DispositionCount(
            recipe,
            row["source"],
            row["state"],
            row["rule"],
            row["characters_count"],
            row["characters_sum"],
        )
        for row in counts.to_pylist()
    ]


def measure_filter(parents: Parents) -> Sequence[FilterQuality]:
    """The AI-discourse filter against the sources whose label is declared."""
    path = parents.one(chain.DOCUMENTS).path / file_names.DOCUMENTS
    return measure_filter_quality(pq.read_table(path, columns=list(COLUMNS)))


def check_outcomes(artifact: Artifact) -> list[CheckOutcome]:
    """The outcomes of an artifact's checks."""
    return [
        CheckOutcome(
            artifact.asset, artifact.partition or "", check.name, check.passed, check.summary
        )
        for check in artifact.provenance.checks
    ]


def artifact_version(artifact: Artifact) -> ArtifactVersion:
    """An artifact by name."""
    return ArtifactVersion(artifact.asset, artifact.partition or "", artifact.version)
