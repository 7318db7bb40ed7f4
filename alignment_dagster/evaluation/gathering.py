"""Gathering a report: from the artifacts behind it to rows, and the check that they agree."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.evaluation.report_data import (
    LIMITS,
    ArtifactVersion,
    CheckOutcome,
    CompositionRow,
    DispositionCount,
    FilterQuality,
    LossPoint,
    ReportData,
)
from alignment_dagster.evaluation.results import (
    Evaluated,
    ResultRow,
    difference_rows,
    result_rows,
    topic_rows,
)
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.study import Study

TOLERANCE = 1e-9
LOSS_POINTS = 200
"""Points of a loss curve; more cannot be seen."""


class Parents(Protocol):
    """The artifacts a report rests on."""

    def one(self, asset: str, partition: str | None = None) -> Artifact: ...

    def all(self, asset: str, partition: str | None = None) -> list[Artifact]: ...

    def distinct(self) -> tuple[Artifact, ...]: ...


def gather(study: Study, parents: Parents) -> ReportData:
    """Everything on the page, computed from the artifacts alone."""
    evaluated = [_evaluated(artifact, parents) for artifact in parents.all("evaluation")]
    kinds = {suite.name: suite.kind for suite in study.suites}
    resamples = study.declaration.evaluation.resamples
    return ReportData(
        study=study.name,
        description=study.declaration.description,
        recipes=study.recipes,
        suites=study.suites,
        results=result_rows(evaluated, kinds, resamples),
        topics=topic_rows(evaluated, kinds, resamples),
        differences=difference_rows(evaluated, kinds, resamples),
        composition=_composition(parents),
        losses=[point for a in parents.all("pretrained_checkpoint") for point in _losses(a)],
        dispositions=[
            count for recipe in study.recipes for count in _dispositions(recipe.name, parents)
        ],
        filter_quality=_filter_quality(parents),
        checks=[outcome for artifact in parents.distinct() for outcome in _checks(artifact)],
        versions=[_version(artifact) for artifact in parents.distinct()],
        limits=(*study.declaration.limits, *LIMITS),
    )


def mismatches(rows: Iterable[ResultRow], mart: pa.Table, parents: Parents) -> list[str]:
    """What does not resolve: a number without its artifacts, or unlike the warehouse's own.

    The warehouse computes every value again, in SQL, from the same item results.
    """
    known = {_name(artifact): artifact.version for artifact in parents.distinct()}
    measured = {_key(row): row["value"] for row in mart.to_pylist()}
    problems = []
    count = 0
    for row in rows:
        count += 1
        name = f"{row.recipe}, seed {row.seed}, {row.stage}, {row.suite}, {row.prompt}"
        if not row.artifacts or any(known.get(k) != v for k, v in row.artifacts.items()):
            problems.append(f"{name}: its artifacts are not parents of this report")
        key = (row.recipe, row.seed, row.stage, row.suite, row.prompt, row.metric)
        value = measured.get(key)
        if value is None or abs(value - row.value) > TOLERANCE:
            problems.append(f"{name}: {row.value!r} here, {value!r} in the warehouse")
    if count != len(measured):
        problems.append(f"{count} numbers here, {len(measured)} in the warehouse")
    return problems


def _key(row: Mapping[str, object]) -> tuple[object, ...]:
    columns = ("recipe", "seed", "stage", "suite", "system_prompt", "metric")
    return tuple(row[column] for column in columns)


def _name(artifact: Artifact) -> str:
    return label(artifact.asset, artifact.partition, "")[:-1]


def _evaluated(artifact: Artifact, parents: Parents) -> Evaluated:
    """One replicate, with exactly the artifacts that its evaluation was made from."""
    recipe, seed = (artifact.partition or "").split("|")
    behind = {_name(artifact): artifact.version}
    for parent in artifact.provenance.inputs.parents:
        if parent.asset in ("pretrained_checkpoint", "post_trained_checkpoint"):
            behind[label(parent.asset, parent.partition, "")[:-1]] = parent.version
    return Evaluated(
        recipe,
        int(seed),
        pq.read_table(artifact.path / "items.parquet"),
        pq.read_table(artifact.path / "losses.parquet"),
        behind,
    )


def _composition(parents: Parents) -> list[CompositionRow]:
    path = parents.one("mix_composition").path / "mix_composition.parquet"
    columns = ["recipe", "source", "group", "tokens", "share"]
    return [CompositionRow(**row) for row in pq.read_table(path, columns=columns).to_pylist()]


def _losses(checkpoint: Artifact) -> list[LossPoint]:
    recipe, seed = (checkpoint.partition or "").split("|")
    log = pq.read_table(checkpoint.path / "training_log.parquet", columns=["tokens", "loss"])
    every = max(1, log.num_rows // LOSS_POINTS)
    rows = log.to_pylist()[::every]
    return [LossPoint(recipe, int(seed), row["tokens"], row["loss"]) for row in rows]


def _dispositions(recipe: str, parents: Parents) -> list[DispositionCount]:
    path = parents.one("dispositions").path / recipe / "pretraining.parquet"
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


def _filter_quality(parents: Parents) -> Sequence[FilterQuality]:
    """The AI-discourse filter against the sources whose label is declared."""
    path = parents.one("documents").path / "documents.parquet"
    labelled = pq.read_table(
        path,
        columns=["ai_discourse_label", "ai_discourse_flagged"],
        filters=pc.field("ai_discourse_label").is_valid()
        & pc.field("ai_discourse_flagged").is_valid(),
    )
    if not labelled.num_rows:
        return ()
    label_, flagged = labelled["ai_discourse_label"], labelled["ai_discourse_flagged"]
    both = pc.sum(pc.and_(label_, flagged)).as_py() or 0
    found, positive = pc.sum(flagged).as_py() or 0, pc.sum(label_).as_py() or 0
    quality = FilterQuality(
        recipe="all",
        precision=both / found if found else 0.0,
        recall=both / positive if positive else 0.0,
        documents=labelled.num_rows,
    )
    return (quality,)


def _checks(artifact: Artifact) -> list[CheckOutcome]:
    return [
        CheckOutcome(
            artifact.asset, artifact.partition or "", check.name, check.passed, check.summary
        )
        for check in artifact.provenance.checks
    ]


def _version(artifact: Artifact) -> ArtifactVersion:
    return ArtifactVersion(artifact.asset, artifact.partition or "", artifact.version)
