"""MLflow's runs, datasets, models and metrics against the artifacts they stand for."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.check.metrics import check_metrics
from alignment_dagster.audit.check.mlflow_records import (
    Input,
    MlflowRecords,
    MlflowRun,
)
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.mlflow_tags import (
    ASSET,
    DAGSTER_RUN,
    NOTE,
    OUTPUT_DIGEST,
    PARTITION,
    RECIPE,
    SEED,
    VERSION,
    flat,
    place_tags,
    short_digest,
    tags,
)
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.lineage.provenance import Key

FINISHED, RUNNING = "FINISHED", "RUNNING"
LATER = (RECIPE, SEED)
"""Tags that runs of an earlier version of the project lack, as they lack parameters."""


def check_runs(scope: Scope, mlflow: MlflowRecords, settled: Collection[Key]) -> None:
    """The run of every artifact in scope.

    Args:
        settled: the artifacts that were reported or used. Others may be of a run that was killed
            before MLflow was told all.
    """
    for key, artifact in scope.artifacts.items():
        name = artifact.provenance.mlflow_run_id or ""
        run = mlflow.runs.get(name)
        subject = _subject(name, artifact)
        if run is None:
            scope.findings.gap("mlflow", subject, "the run is gone")
        elif not run.active:
            scope.findings.gap("mlflow", subject, "the run was deleted")
        elif key not in settled and run.status != FINISHED:
            told = f"{artifact.label} was left by a run that did not end; MLflow says {run.status}."
            scope.findings.note(told)
        else:
            scope.findings.counts["mlflow runs"] += 1
            _check_run(scope, artifact, run)
            with scope.findings.guard("mlflow", subject):
                _check_models(scope, artifact, run, mlflow)
                check_metrics(scope, subject, artifact, run, own_models=True)


def check_stray_runs(
    scope: Scope, mlflow: MlflowRecords, there: Collection[Key], alive: Collection[str]
) -> None:
    """Runs that no artifact names: unfinished ones, and those that claim one.

    Args:
        alive: ids of the Dagster runs that go on.
    """
    named = {one.provenance.mlflow_run_id for one in scope.artifacts.values()}
    for run in mlflow.runs.values():
        asset = run.tags.get(ASSET)
        if asset is None or not run.active:
            continue
        subject = f"run {run.run_id} ({partition_label(asset, run.tags.get(PARTITION))})"
        dead = run.status == RUNNING and run.tags.get(DAGSTER_RUN) not in alive
        message = (
            f"left RUNNING, though its process has ended (alignment run {scope.study} ends it)"
        )
        scope.findings.gap_if(dead, "mlflow", subject, message)
        if run.run_id not in named:
            _check_claim(scope, run, subject, there)


def _check_claim(scope: Scope, run: MlflowRun, subject: str, there: Collection[Key]) -> None:
    version = run.tags.get(VERSION)
    if version is None:
        message = "FINISHED, and its tags name no version of an artifact"
        scope.findings.gap_if(run.status == FINISHED, "mlflow", subject, message)
        return
    key = (run.tags[ASSET], run.tags.get(PARTITION), version)
    if key not in there:
        scope.findings.gap("mlflow", subject, f"stands for {label(*key)}, which is not in the lake")
    elif key in scope.artifacts and run.status == FINISHED:
        # Two processes made the same at once: the lake kept one, and both said what they saw.
        check_metrics(scope, subject, scope.artifacts[key], run, own_models=False)


def _subject(run: str, artifact: Artifact) -> str:
    return f"run {run} of {artifact.label}"


def _check_run(scope: Scope, artifact: Artifact, run: MlflowRun) -> None:
    subject = _subject(run.run_id, artifact)
    message = f"is {run.status}, not {FINISHED}"
    scope.findings.gap_if(run.status != FINISHED, "mlflow", subject, message)
    own = f"`{artifact.label}`: "
    for name, value in _tags(artifact).items():
        told = run.tags.get(name)
        if told is None and name in LATER:
            continue
        # A person may write more below, and another version of the project write other links.
        same = (told or "").startswith(own) if name == NOTE else told == value
        message = f"tag {name} is {told}, the lake has {value}"
        scope.findings.gap_if(not same, "mlflow", subject, message)
    declared = flat(artifact.provenance.declared)
    for name, told in run.params.items():
        message = f"parameter {name} is {told}, and {declared.get(name)} is declared"
        scope.findings.gap_if(told != declared.get(name), "mlflow", subject, message)
    _check_inputs(scope, artifact, run, subject)


def _check_inputs(scope: Scope, artifact: Artifact, run: MlflowRun, subject: str) -> None:
    """The datasets of a run are the parents, and what came out."""
    keys = {parent.key for parent in artifact.provenance.inputs.parents}
    given = [artifact, *(scope.known[key] for key in keys if key in scope.known)]
    data = [one.as_dataset() for one in given]
    expected = {Input(one.name, short_digest(one.digest), one.digest) for one in data}
    found = set(run.inputs)
    for one in sorted(expected - found, key=str):
        message = f"dataset {one.name} with digest {one.digest} is missing"
        scope.findings.gap("mlflow", subject, message)
    if keys <= scope.known.keys():
        for one in sorted(found - expected, key=str):
            message = f"dataset {one.name} with digest {one.digest} is none of its inputs"
            scope.findings.gap("mlflow", subject, message)


def _tags(artifact: Artifact) -> dict[str, str | None]:
    provenance = artifact.provenance
    try:
        own = tags(artifact)
    except ArtifactError:
        own = {}  # a gap of its records already
    return {
        PARTITION: None,
        **place_tags(provenance.inputs.study, artifact.asset, artifact.partition),
        DAGSTER_RUN: provenance.dagster_run_id,
        **own,
    }


def _check_models(scope: Scope, artifact: Artifact, run: MlflowRun, mlflow: MlflowRecords) -> None:
    for stage, model_id in artifact.provenance.models.items():
        scope.findings.counts["mlflow models"] += 1
        subject = f"model {model_id} ({stage}) of {artifact.label}"
        model = mlflow.models.get(model_id)
        if model is None or not model.active:
            scope.findings.gap("mlflow", subject, "the model is gone")
            continue
        scope.findings.gap_if(not model.ready, "mlflow", subject, "the model is not READY")
        message = f"the model is of run {model.run_id}, not of {run.run_id}"
        scope.findings.gap_if(model.run_id != run.run_id, "mlflow", subject, message)
        for name, value in ((VERSION, artifact.version), (OUTPUT_DIGEST, artifact.digest)):
            told = model.tags.get(name)
            message = f"tag {name} is {told}, the lake has {value}"
            scope.findings.gap_if(told != value, "mlflow", subject, message)
        for name, value in _params(artifact, stage).items():
            told = model.params.get(name)
            message = f"parameter {name} is {told}, and {value} is declared"
            scope.findings.gap_if(told != value, "mlflow", subject, message)


def _params(artifact: Artifact, stage: str) -> dict[str, str]:
    """The declared settings of a model: those that are one value, as MLflow was told them."""
    declared = artifact.provenance.declared
    section: Mapping[str, Any] = {}
    if artifact.asset in chain.PRETRAINING_STAGES:
        section = declared.get("model") or declared["base"]
    elif artifact.asset == chain.POST_TRAINED_CHECKPOINT:
        section = declared["post_training"][stage]
    elif artifact.asset == chain.TAMPERING:
        section = next(one for one in declared["tampering"] if one["name"] == stage)
    return {
        name: str(value)
        for name, value in section.items()
        if value is None or isinstance(value, str | int | float)
    }


def find_settled_keys(scope: Scope, journalled: Iterable[Key]) -> set[Key]:
    """The artifacts that were reported, or that something was made from."""
    own = {artifact.key for artifact in scope.artifacts.values()}
    return (set(journalled) | set(scope.children)) & own
