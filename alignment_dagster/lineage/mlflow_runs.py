"""MLflow: one run for each computed artifact, every metric logged against its data and model.

Import this where it is used: MLflow takes seconds to import.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from mlflow import MlflowClient, entities
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelOutput,
    LoggedModelStatus,
    RunStatus,
    ViewType,
)
from mlflow.exceptions import MlflowException

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.databases import POSTGRES, creation_lock, require_sqlite
from alignment_dagster.foundation.home import MLFLOW_DATABASE, Home
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.logged_metrics import metrics_table, read_metrics
from alignment_dagster.lineage.metric import Dataset, Metric
from alignment_dagster.lineage.mlflow_experiment import experiment_tags
from alignment_dagster.lineage.mlflow_location import artifact_location, follow_home
from alignment_dagster.lineage.mlflow_tags import (
    DAGSTER_RUN,
    OUTPUT_DIGEST,
    VERSION,
    params,
    place_tags,
    tags,
)
from alignment_dagster.lineage.mlflow_tags import short_digest as short_digest
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.study import Study

BATCH = 1000
PARAMS = 100
"""As many as MLflow takes at once."""
DEFAULT = "0"
"""The experiment that MLflow makes with a database, and nobody here uses."""
ATTEMPTS = 4
PAUSE_SECONDS = 0.5
FINISHED = RunStatus.to_string(RunStatus.FINISHED)
RUNNING = RunStatus.to_string(RunStatus.RUNNING)


@dataclass
class TrackedRun:
    """A run in MLflow that stands for one artifact being made."""

    client: MlflowClient
    run_id: str
    experiment_id: str
    parents: tuple[Artifact, ...]
    models: dict[str, str] = field(default_factory=dict)
    """Stage → id of the logged model."""
    metrics: list[Metric] = field(default_factory=list)
    """All that was logged so far, and what is to be logged at the end."""

    def log(self, metrics: Iterable[Metric]) -> None:
        """Log metrics, each tied to its dataset and its model."""
        metrics = list(metrics)
        self.metrics += metrics
        self._send(metrics)

    def _send(self, metrics: Iterable[Metric]) -> None:
        now = int(time.time() * 1000)
        sent = [self._entity(metric, now) for metric in metrics]
        for start in range(0, len(sent), BATCH):
            self.client.log_batch(self.run_id, metrics=sent[start : start + BATCH])

    def record(
        self, asset: str, partition: str | None, digest: str, metrics: Mapping[str, float]
    ) -> pa.Table:
        """All that MLflow is told, to be kept beside the artifact (schema `logged_metrics.SCHEMA`).

        Args:
            digest: of the artifact that came out.
            metrics: of the artifact itself; they are sent when it has been published.
        """
        data = Dataset(partition_label(asset, partition), digest)
        self.metrics += [Metric(name, value, 0, data) for name, value in metrics.items()]
        return metrics_table(self.metrics)

    def register_model(self, stage: str, name: str, params: Mapping[str, str]) -> None:
        """A logged model that metrics can be tied to; it is READY once the run has finished."""
        model = self.client.create_logged_model(
            self.experiment_id, name=name, source_run_id=self.run_id, params=dict(params)
        )
        self.models[stage] = str(model.model_id)

    def finish(self, artifact: Artifact) -> None:
        """Tie the run to what came out, log what was measured of it, and end the run.

        Killed at any point, it can be done again; another machine that found the artifact may do
        it at the same moment.
        """
        _retried(lambda: self._finish(artifact))

    def _finish(self, artifact: Artifact) -> None:
        self.client.log_inputs(self.run_id, [_input(artifact)])
        own = artifact.as_dataset()
        self._send(one for one in read_metrics(artifact.path) if one.data == own)
        for key, value in tags(artifact).items():
            self.client.set_tag(self.run_id, key, value)
        self._log_outputs()
        for model_id in self.models.values():
            named = {VERSION: artifact.version, OUTPUT_DIGEST: artifact.digest}
            self.client.set_logged_model_tags(model_id, named)
            self.client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        self.client.set_terminated(self.run_id, FINISHED)

    def _log_outputs(self) -> None:
        """The models, each once: MLflow refuses one that it has."""
        if self.models:
            known = self.client.get_run(self.run_id).outputs.model_outputs
            there = {output.model_id for output in known}
            missing = [one for one in self.models.values() if one not in there]
            if missing:
                outputs = [LoggedModelOutput(model_id, 0) for model_id in missing]
                self.client.log_outputs(self.run_id, outputs)

    def end(self, *, killed: bool) -> None:
        """End a run that made nothing: KILLED where somebody stopped it, FAILED otherwise."""
        for model_id in self.models.values():
            self.client.finalize_logged_model(model_id, LoggedModelStatus.FAILED)
        status = RunStatus.KILLED if killed else RunStatus.FAILED
        self.client.set_terminated(self.run_id, RunStatus.to_string(status))

    def _entity(self, metric: Metric, now: int) -> entities.Metric:
        data = metric.data
        return entities.Metric(
            metric.name,
            float(metric.value),
            now,
            metric.step,
            model_id=metric.model_id,
            dataset_name=data.name if data else None,
            dataset_digest=short_digest(data.digest) if data else None,
            run_id=self.run_id,
        )


def _retried(tell: Callable[[], None]) -> None:
    """Tell MLflow what others may tell it at the same moment.

    MLflow looks whether it has a dataset or a tag, and then inserts it: of two that do, a server's
    database refuses one.
    """
    for attempt in range(ATTEMPTS):
        try:
            return tell()
        except MlflowException:
            if attempt + 1 == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS * (attempt + 1))


class Tracker:
    """Starts runs, and ends those that a killed process has left behind."""

    @classmethod
    @cache
    def _shared(cls, home: Home, study: str) -> "Tracker":
        """One tracker for each study and process: opening a store takes seconds."""
        return cls(home, study)

    @classmethod
    def introduced(cls, home: Home, study: Study) -> "Tracker":
        """The study's, whose experiment says what it is about, and how recipes are compared."""
        tracker = cls._shared(home, study.name)
        tags = experiment_tags(study)
        _retried(lambda: tracker._introduce(tags))
        return tracker

    def __init__(self, home: Home, study: str) -> None:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
        _create_store(home)
        self.client = MlflowClient(home.mlflow_uri)
        if home.mlflow_uri == home.own_mlflow_uri:
            _hide_empty_default(self.client)
        self.study = study
        self.experiment_id = self._experiment(home)

    def _introduce(self, tags: Mapping[str, str]) -> None:
        known = self.client.get_experiment(self.experiment_id).tags
        for key, value in tags.items():
            if known.get(key) != value:
                self.client.set_experiment_tag(self.experiment_id, key, value)

    def start(
        self,
        asset: str,
        partition: str | None,
        dagster_run_id: str,
        declared: Mapping[str, Any],
        parents: Iterable[Artifact],
    ) -> TrackedRun:
        """Start a run whose datasets are the parent artifacts.

        Args:
            declared: the part of the declaration that it is made from.
        """
        parents = tuple(parents)
        named = {**place_tags(self.study, asset, partition), DAGSTER_RUN: dagster_run_id}
        name = partition_label(asset, partition)
        run = self.client.create_run(self.experiment_id, tags=named, run_name=name)
        given_params = [entities.Param(*one) for one in params(declared).items()]
        for start in range(0, len(given_params), PARAMS):
            self.client.log_batch(run.info.run_id, params=given_params[start : start + PARAMS])
        if parents:
            given = [_input(parent) for parent in parents]
            _retried(lambda: self.client.log_inputs(run.info.run_id, given))
        return TrackedRun(self.client, run.info.run_id, self.experiment_id, parents)

    def complete(self, artifact: Artifact) -> None:
        """Finish the run of an artifact whose process was killed after publishing it."""
        run_id = artifact.provenance.mlflow_run_id or ""
        run = self.client.get_run(run_id)
        if run.info.status == FINISHED:
            return
        models = dict(artifact.provenance.models)
        TrackedRun(self.client, run_id, run.info.experiment_id, (), models).finish(artifact)

    def running(self) -> dict[str, str | None]:
        """Run id → the Dagster run that it belongs to, of all that are RUNNING."""
        found = self.client.search_runs(
            [self.experiment_id], "attributes.status = 'RUNNING'", ViewType.ACTIVE_ONLY
        )
        return {run.info.run_id: run.data.tags.get(DAGSTER_RUN) for run in found}

    def end_leaked(self, running: Mapping[str, str | None], alive: Iterable[str]) -> list[str]:
        """End, as KILLED, what still runs though its Dagster run does not; their ids.

        Args:
            running: what `running()` said before `alive` was asked for.
            alive: ids of the Dagster runs that go on.
        """
        living, leaked = set(alive), []
        for run_id, dagster_run in running.items():
            if dagster_run in living or self._status(run_id) != RUNNING:
                continue
            self.client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
            leaked.append(run_id)
        return leaked

    def _status(self, run_id: str) -> str:
        return str(self.client.get_run(run_id).info.status)

    def _experiment(self, home: Home) -> str:
        found = self.client.get_experiment_by_name(self.study)
        if found is not None:
            if found.lifecycle_stage == LifecycleStage.DELETED:
                # MLflow takes no run into it, and no other experiment of the name.
                self.client.restore_experiment(found.experiment_id)
            follow_home(home, self.study, str(found.artifact_location))
            return str(found.experiment_id)
        try:
            return str(
                self.client.create_experiment(self.study, artifact_location(home, self.study))
            )
        except MlflowException:
            # Another process created it between the question and the answer.
            return str(self.client.get_experiment_by_name(self.study).experiment_id)


def _create_store(home: Home) -> None:
    """Where the home has no database yet, make it aside and then give it its name.

    MLflow creates its tables in many steps, and a database that a killed process left between two
    of them could never be opened again.

    Raises:
        AlignmentError: if a team's own database cannot be reached, or a file is none.
    """
    if home.mlflow_uri.startswith(POSTGRES):
        with creation_lock(home.mlflow_uri):
            MlflowClient(home.mlflow_uri).search_experiments()
        return
    path = home.root / MLFLOW_DATABASE
    if home.mlflow_uri != home.own_mlflow_uri:
        return
    if path.exists():
        require_sqlite(path)
        return
    home.work.mkdir(parents=True, exist_ok=True)
    written = home.work / f"mlflow-{uuid.uuid4().hex}.db"
    # Another process may be faster.
    with suppress(FileExistsError), atomic_file(path, aside=written, replace=False):
        create_database(written)


def create_database(path: Path) -> None:
    """Have MLflow make its tables in a new file."""
    MlflowClient(f"sqlite:///{path}").search_experiments()


def _hide_empty_default(client: MlflowClient) -> None:
    """Delete the experiment that MLflow makes by itself, as its pages would, if it has no run."""
    with suppress(MlflowException):  # it is gone, or another process was faster
        active = client.get_experiment(DEFAULT).lifecycle_stage == LifecycleStage.ACTIVE
        if active and not client.search_runs([DEFAULT], run_view_type=ViewType.ALL, max_results=1):
            client.delete_experiment(DEFAULT)


def _input(parent: Artifact) -> DatasetInput:
    source = json.dumps({"asset": parent.asset, "version": parent.version})
    profile = json.dumps({"files": len(parent.manifest.files)})
    data = parent.as_dataset()
    dataset = entities.Dataset(data.name, short_digest(data.digest), "lake", source, None, profile)
    tags = [InputTag("mlflow.data.context", parent.asset), InputTag("sha256", parent.digest)]
    return DatasetInput(dataset, tags)
