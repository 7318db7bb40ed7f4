"""What an MLflow server has of a study, asked over HTTP: one call a metric, so slower."""

from collections.abc import Iterator
from typing import Any

from alignment_dagster.audit.check.mlflow_records import (
    Input,
    MetricPoint,
    MlflowRecords,
    MlflowRun,
    Model,
    ModelMetric,
)
from alignment_dagster.foundation.errors import ArtifactError

PAGE = 1000


def read_server(uri: str, study: str) -> MlflowRecords:
    """Everything that the server has of a study.

    Raises:
        ArtifactError: if it has no experiment of that name.
    """
    from mlflow import MlflowClient  # slow to import

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(study)
    if experiment is None or experiment.lifecycle_stage != "active":
        raise ArtifactError(f"MLflow has no experiment {study!r}, or it was deleted")
    runs = {
        run.info.run_id: _read_run(client, run)
        for run in _read_runs(client, str(experiment.experiment_id))
    }
    models: dict[str, Model] = {}
    for model in _read_models(client, str(experiment.experiment_id)):
        active = True
        models[model.model_id] = Model(
            model.source_run_id,
            str(model.status) == "READY",
            active,
            dict(model.tags or {}),
            dict(model.params or {}),
        )
        _add_metrics(runs, model)
    return MlflowRecords(runs, models)


def _read_runs(client: Any, experiment: str) -> Iterator[Any]:
    from mlflow.entities import ViewType  # slow to import

    token = None
    while True:
        page = client.search_runs(
            [experiment], run_view_type=ViewType.ALL, max_results=PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _read_models(client: Any, experiment: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_logged_models([experiment], max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _read_run(client: Any, run: Any) -> MlflowRun:
    run_id = run.info.run_id
    found = MlflowRun(run_id, run.info.status, run.info.lifecycle_stage == "active")
    found.tags.update(run.data.tags)
    found.params.update(run.data.params)
    for name, value in run.data.metrics.items():
        history = client.get_metric_history(run_id, name)
        found.metrics += [MetricPoint(name, one.step, one.value) for one in history]
        last = max(history, key=lambda one: (one.step, one.timestamp, one.value))
        found.latest.append(MetricPoint(name, last.step, value))
    for given in run.inputs.dataset_inputs:
        tags = {tag.key: tag.value for tag in given.tags}
        found.inputs.append(Input(given.dataset.name, given.dataset.digest, tags.get("sha256")))
    return found


def _add_metrics(runs: dict[str, MlflowRun], model: Any) -> None:
    for one in model.metrics or ():
        if one.run_id in runs:
            point = MetricPoint(one.key, one.step, one.value)
            metric = ModelMetric(model.model_id, point, one.dataset_name, one.dataset_digest)
            runs[one.run_id].model_metrics.append(metric)
