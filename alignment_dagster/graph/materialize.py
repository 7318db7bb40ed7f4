"""Making one artifact: find or compute it, track it, publish it, and tell Dagster what it is."""

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph import pipes, progress_listener
from alignment_dagster.graph.parents import RECORD, VERSION, resolve
from alignment_dagster.graph.step import Parents, Partition, Step
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.metric import Measured
from alignment_dagster.lineage.journal import Became
from alignment_dagster.lineage.lake import Artifact, Lake, label
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Check, Inputs, Parent, Provenance, environment, git_state
from alignment_dagster.study import Study

if TYPE_CHECKING:
    from alignment_dagster.lineage.mlflow_runs import TrackedRun

CHANGED = "what it is made from was changed while it was being made; run it again"


@dataclass
class Making:
    """What a build works with: its study, parents, folders, and the run that tracks it."""

    context: dg.AssetExecutionContext
    study: Study
    parents: Parents
    inputs: Inputs
    folder: Path
    """The artifact's files go here."""
    work: Path
    """Kept when the run is killed: what it is resumed from."""
    tracked: "TrackedRun"

    @property
    def asset(self) -> str:
        return self.inputs.asset

    @property
    def partition(self) -> Partition:
        return self.inputs.partition

    def report(self, done: int, total: int, unit: str) -> None:
        """Progress for whoever watches."""
        progress_listener.tell(self.asset, self.partition, done, total, unit)

    def log(self, metrics: Iterable[Measured]) -> None:
        """Metrics for MLflow, each tied to its data and model."""
        self.tracked.log(metrics)

    def register_model(self, stage: str, declared: Declared) -> None:
        """Name the model that is being made, so that metrics can be tied to it."""
        name = f"{self.study.name}-{stage}-{(self.partition or '').replace('|', '-')}"
        params = {key: str(value) for key, value in declared.model_dump().items()}
        self.tracked.register_model(stage, name, params)

    def track_file(self, path: Path) -> None:
        """Put a file where MLflow's page shows it."""
        self.tracked.client.log_artifact(self.tracked.run_id, str(path))

    def run_job(self, module: str, job: Declared, dataset: Artifact) -> dict[str, float | str]:
        """Run a job module in a process of its own, following its progress.

        Returns:
            What the job measured of itself: seconds, tokens per second, memory.
        """
        return pipes.run(self, module, job, dataset)


def materialize(
    context: dg.AssetExecutionContext, step: Step, study: Study
) -> "dg.MaterializeResult[None]":
    """The asset's whole body.

    Raises:
        dagster.Failure: with one clear message, for every mistake of a user.
    """
    from alignment_dagster.graph.instance import begin_run

    begin_run(context.instance, context.run, study)
    partition = context.partition_key if context.has_partition_key else None
    partition = str(partition) if partition is not None else None
    with Lake(Home.from_environment().lake).shared_lock(study.name):
        try:
            artifact, reused = _find_or_make(context, step, study, partition)
            described = step.describe(study, artifact)
        except AlignmentError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        became_current(context, artifact, reused=reused)
    return dg.MaterializeResult(
        metadata=metadata(artifact, described, reused=reused),
        data_version=dg.DataVersion(artifact.digest),
        check_results=_check_results(artifact, step, study),
    )


def _find_or_make(
    context: dg.AssetExecutionContext, step: Step, study: Study, partition: Partition
) -> tuple[Artifact, bool]:
    lake = Lake(Home.from_environment().lake)
    parents = resolve(context.instance, lake, study.name, step.wants(study, partition))
    return find_or_make(context, step, study, partition, parents)


def find_or_make(
    context: dg.AssetExecutionContext,
    step: Step,
    study: Study,
    partition: Partition,
    parents: Parents,
) -> tuple[Artifact, bool]:
    """The artifact that these inputs give, and whether it was there already."""
    from alignment_dagster.lineage.mlflow_runs import Tracker

    home = Home.from_environment()
    lake = Lake(home.lake)
    inputs = step.inputs(study, partition, parents)
    found = lake.find(inputs)
    if found is None:
        return make(context, step, study, parents, inputs), False
    context.log.info(f"{found.label} was made from exactly these inputs before; reused")
    artifact = lake.open(study.name, step.asset, partition, found.version)
    Tracker.shared(home, study.name).complete(artifact)
    return artifact, True


def became_current(context: dg.AssetExecutionContext, artifact: Artifact, *, reused: bool) -> None:
    """Write it into the study's journal, and tell whoever watches."""
    lake = Lake(Home.from_environment().lake)
    lake.journal(artifact.provenance.inputs.study).append(
        Became(
            asset=artifact.asset,
            partition=artifact.partition,
            version=artifact.version,
            digest=artifact.digest,
            record=artifact.record,
            dagster_run_id=context.run.run_id,
            reused=reused,
        )
    )
    progress_listener.finished(artifact.asset, artifact.partition, artifact, reused=reused)


def make(
    context: dg.AssetExecutionContext,
    step: Step,
    study: Study,
    parents: Parents,
    inputs: Inputs,
) -> Artifact:
    """Build, check and publish an artifact, tracked by a run in MLflow.

    Whatever happens, the MLflow run is ended and nothing half-written stays in the lake; the work
    folder stays, so that what was stopped can be resumed.
    """
    from alignment_dagster.lineage.mlflow_runs import Tracker

    home = Home.from_environment()
    lake = Lake(home.lake)
    partition = inputs.partition
    work = home.work / study.name / step.asset / inputs.digest[:16]
    tracker = Tracker.shared(home, study.name)
    tracked = tracker.start(step.asset, partition, context.run.run_id, parents.distinct())
    try:
        with lake.staging() as folder:
            making = Making(context, study, parents, inputs, folder, work, tracked)
            started, clock = datetime.now(UTC), time.monotonic()
            made = step.build(making)
            if step.inputs(study, partition, parents) != inputs:
                raise AlignmentError(f"{label(step.asset, partition, '')[:-1]}: {CHANGED}")
            digest = Manifest.of(folder).digest
            logged = tracked.record(step.asset, partition, digest, made.metrics)
            provenance = Provenance(
                inputs=inputs,
                input_digest=inputs.digest,
                output_digest=digest,
                declared=dict(step.declared(study, partition)),
                environment=environment(),
                git=git_state(),
                dagster_run_id=context.run.run_id,
                mlflow_run_id=tracked.run_id,
                started=started.isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - clock, 3),
                measured=dict(made.measured),
                models=dict(tracked.models),
                checks=tuple(made.checks),
                claims=tuple(claim.digest for claim in study.declaration.claims),
            )
            artifact = lake.publish(folder, provenance, logged)
    except BaseException as error:
        tracked.end(killed=not isinstance(error, Exception))
        raise
    tracked.finish(artifact)
    shutil.rmtree(work, ignore_errors=True)
    return artifact


def _check_results(artifact: Artifact, step: Step, study: Study) -> list[dg.AssetCheckResult]:
    texts = step.check_texts(study)
    return [_check_result(check, texts[check.name]) for check in artifact.provenance.checks]


def _check_result(check: Check, text: str) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=check.passed,
        check_name=check.name,
        description=f"{text} {check.summary}",
        severity=severity,
        metadata={"found": check.summary},
    )


def metadata(artifact: Artifact, described: Mapping[str, Any], *, reused: bool) -> dict[str, Any]:
    """What Dagster shows of a materialization: the step's own words, and the lineage."""
    provenance = artifact.provenance
    page = page_links.audit_page(
        provenance.inputs.study, artifact.asset, artifact.partition, artifact.version
    )
    return {
        "audit": dg.MetadataValue.url(page),
        "mlflow_run": dg.MetadataValue.url(page_links.mlflow_run(provenance.mlflow_run_id or "")),
        "parents": dg.MetadataValue.md(_parents_table(artifact)),
        **described,
        VERSION: artifact.version,
        "content_digest": artifact.digest,
        RECORD: artifact.record,
        "artifact": dg.MetadataValue.path(str(artifact.path)),
        "seconds": provenance.seconds,
        "reused": reused,
        "made_by_run": dg.MetadataValue.dagster_run(provenance.dagster_run_id or ""),
    }


def _parents_table(artifact: Artifact) -> str:
    inputs = artifact.provenance.inputs
    if not inputs.parents:
        return "none: this comes from outside the lake"
    rows = [
        f"| [{parent.asset}]({page_links.dagster_asset(inputs.study, parent.asset, parent.partition)}) "
        f"| {(parent.partition or '').replace('|', ', seed ')} "
        f"| [`{parent.version}`]({_page(inputs.study, parent)}) | {parent.part or 'all'} |"
        for parent in inputs.parents
    ]
    return "\n".join(["| asset | partition | version | part |", "|---|---|---|---|", *rows])


def _page(study: str, parent: Parent) -> str:
    return page_links.audit_page(study, parent.asset, parent.partition, parent.version)
