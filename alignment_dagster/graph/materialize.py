"""Making one artifact: find or compute it, track it, publish it, and tell Dagster what it is."""

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.work_seals import PURPOSE, use_key
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import Parents
from alignment_dagster.graph.parents import resolve
from alignment_dagster.graph.runs import begin_run
from alignment_dagster.graph.step import Step
from alignment_dagster.graph.stores import Stores
from alignment_dagster.lineage.checkout import git_state
from alignment_dagster.lineage.code_digest import code_digest
from alignment_dagster.lineage.event_metadata import event_metadata
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.partition_keys import Partition, partition_label
from alignment_dagster.lineage.provenance import (
    Check,
    Inputs,
    Provenance,
    environment,
    placed,
)
from alignment_dagster.study import Study

CHANGED = "what it is made from was changed while it was being made; run it again"


def materialize(
    context: dg.AssetExecutionContext, step: Step, study: Study, stores: Stores
) -> "dg.MaterializeResult[None]":
    """The asset's whole body.

    Raises:
        dagster.Failure: with one clear message, for every mistake of a user.
    """
    begin_run(context.instance, context.run, stores)
    partition = str(context.partition_key) if context.has_partition_key else None
    with stores.lake.shared_lock(study.name):
        try:
            specs = step.parents(study, partition)
            parents = resolve(context.instance, stores.lake, study.name, specs)
            artifact, reused = find_or_make(context, step, study, partition, parents, stores)
            shown = step.page_metadata(study, artifact)
        except AlignmentError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        became_current(context, artifact, stores, reused=reused)
    texts = step.check_texts(study)
    return dg.MaterializeResult(
        metadata=metadata(artifact, shown, stores, reused=reused),
        data_version=dg.DataVersion(artifact.digest),
        check_results=[_check_result(one, texts[one.name]) for one in artifact.provenance.checks],
    )


def find_or_make(
    context: dg.AssetExecutionContext,
    step: Step,
    study: Study,
    partition: Partition,
    parents: Parents,
    stores: Stores,
) -> tuple[Artifact, bool]:
    """The artifact that these inputs give, and whether it was there already."""
    inputs = step.inputs(study, partition, parents)
    found = stores.lake.find(inputs)
    if found is None:
        return make(context, step, study, parents, inputs, stores), False
    context.log.info(f"{found.label} was made from exactly these inputs before; reused")
    artifact = stores.lake.open(study.name, step.asset, partition, found.version)
    stores.tracker.complete(artifact)
    return artifact, True


def became_current(
    context: dg.AssetExecutionContext, artifact: Artifact, stores: Stores, *, reused: bool
) -> None:
    """Write it into the study's journal, and tell whoever watches."""
    stores.lake.journal(artifact.provenance.inputs.study).append(
        NewEntry(
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
    stores: Stores,
) -> Artifact:
    """Build, check and publish an artifact, tracked by a run in MLflow.

    Whatever happens, the MLflow run is ended and nothing half-written stays in the lake; the work
    folder stays, so that what was stopped can be resumed.
    """
    partition = inputs.partition
    work = stores.home.work / study.name / step.asset / inputs.digest[:16]
    use_key(stores.lake.keys.signer().derive(PURPOSE))
    declared = dict(step.config(study, partition))
    run = context.run.run_id
    # Before anything is made: whoever edits the code meanwhile does not edit what is running.
    code, git = code_digest(*step.modules), git_state()
    tracked = stores.tracker.start(step.asset, partition, run, declared, parents.distinct())
    try:
        with stores.lake.staging() as folder:
            build = BuildContext(context, study, parents, inputs, folder, work, stores, tracked)
            started, clock = datetime.now(UTC), time.monotonic()
            result = step.build(build)
            if step.inputs(study, partition, parents) != inputs:
                raise AlignmentError(f"{partition_label(step.asset, partition)}: {CHANGED}")
            digest = Manifest.of(folder).digest
            logged = tracked.record(step.asset, partition, digest, result.metrics)
            provenance = Provenance(
                inputs=inputs,
                input_digest=inputs.digest,
                output_digest=digest,
                declared=declared,
                code_digest=code,
                modules=step.modules,
                environment=environment() | placed(result.measured),
                git=git,
                dagster_run_id=run,
                mlflow_run_id=tracked.run_id,
                started=started.isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - clock, 3),
                measured=dict(result.measured),
                models=dict(tracked.models),
                checks=tuple(result.checks),
                claims=tuple(claim.digest for claim in study.declaration.claims),
            )
            artifact = stores.lake.publish(folder, provenance, logged)
    except BaseException as error:
        tracked.end(killed=not isinstance(error, Exception))
        raise
    tracked.finish(artifact)
    shutil.rmtree(work, ignore_errors=True)
    return artifact


def _check_result(check: Check, text: str) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=check.passed,
        check_name=check.name,
        description=f"{text} {check.summary}",
        severity=severity,
        metadata={"found": check.summary},
    )


SHOWN_AS: Mapping[str, Callable[[str], Any]] = {
    "audit": dg.MetadataValue.url,
    "mlflow_run": dg.MetadataValue.url,
    "parents": dg.MetadataValue.md,
    "artifact": dg.MetadataValue.path,
    "made_by_run": dg.MetadataValue.dagster_run,
}
"""What is not a plain text or number."""
FIRST = ("audit", "mlflow_run", "parents")


def metadata(
    artifact: Artifact, shown: Mapping[str, Any], stores: Stores, *, reused: bool
) -> dict[str, Any]:
    """What Dagster shows of a materialization: the step's own words among the lineage."""
    run = artifact.provenance.mlflow_run_id or ""
    page = page_links.mlflow_run(run, stores.tracker.experiment_id)
    recorded = {
        name: SHOWN_AS[name](str(value)) if name in SHOWN_AS else value
        for name, value in {**event_metadata(artifact), "mlflow_run": page}.items()
    }
    return {
        **{name: recorded.pop(name) for name in FIRST},
        **shown,
        **recorded,
        "reused": reused,
    }
