"""MLflow: one run for each computed artifact, every metric logged against its data and model.

Import this where it is used: MLflow takes seconds to import.
"""

import base64
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    RunStatus,
    ViewType,
)
from mlflow.exceptions import MlflowException

from alignment_dagster.home import Home
from alignment_dagster.lineage.data import Measured
from alignment_dagster.lineage.lake import Artifact

DIGEST_LENGTH = 36
BATCH = 1000
STUDY = "alignment.study"
ASSET = "alignment.asset"
PARTITION = "alignment.partition"
VERSION = "alignment.version"
OUTPUT_DIGEST = "alignment.digest"
DAGSTER_RUN = "dagster.run_id"


def short_digest(digest: str) -> str:
    """A SHA-256 in base64url, cut to the 36 characters MLflow takes; the whole is in a tag."""
    return base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()[:DIGEST_LENGTH]


@dataclass
class TrackedRun:
    """A run in MLflow that stands for one artifact being made."""

    client: MlflowClient
    run_id: str
    experiment_id: str
    parents: tuple[Artifact, ...]
    models: dict[str, str] = field(default_factory=dict)
    """Stage → id of the logged model."""

    def log(self, metrics: Iterable[Measured]) -> None:
        """Log metrics, each tied to its dataset and its model."""
        now = int(time.time() * 1000)
        entities = [self._entity(metric, now) for metric in metrics]
        for start in range(0, len(entities), BATCH):
            self.client.log_batch(self.run_id, metrics=entities[start : start + BATCH])

    def register_model(self, stage: str, name: str, params: Mapping[str, str]) -> None:
        """A logged model that metrics can be tied to; it is READY once the run has finished."""
        model = self.client.create_logged_model(
            self.experiment_id, name=name, source_run_id=self.run_id, params=dict(params)
        )
        self.models[stage] = str(model.model_id)

    def finish(self, artifact: Artifact, metrics: Mapping[str, float]) -> None:
        """Tie the run to what came out, log metrics of it, and end the run."""
        data = artifact.as_data()
        self.client.log_inputs(self.run_id, [_input(artifact)])
        self.log(Measured(name, value, 0, data) for name, value in metrics.items())
        for key, value in ((VERSION, artifact.version), (OUTPUT_DIGEST, artifact.digest)):
            self.client.set_tag(self.run_id, key, value)
        if self.models:
            outputs = [LoggedModelOutput(model_id, 0) for model_id in self.models.values()]
            self.client.log_outputs(self.run_id, outputs)
        for model_id in self.models.values():
            tags = {VERSION: artifact.version, OUTPUT_DIGEST: artifact.digest}
            self.client.set_logged_model_tags(model_id, tags)
            self.client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        self.client.set_terminated(self.run_id, RunStatus.to_string(RunStatus.FINISHED))

    def end(self, *, killed: bool) -> None:
        """End a run that made nothing: KILLED where somebody stopped it, FAILED otherwise."""
        for model_id in self.models.values():
            self.client.finalize_logged_model(model_id, LoggedModelStatus.FAILED)
        status = RunStatus.KILLED if killed else RunStatus.FAILED
        self.client.set_terminated(self.run_id, RunStatus.to_string(status))

    def _entity(self, metric: Measured, now: int) -> Metric:
        data = metric.data
        return Metric(
            metric.name,
            float(metric.value),
            now,
            metric.step,
            model_id=metric.model_id,
            dataset_name=data.name if data else None,
            dataset_digest=short_digest(data.digest) if data else None,
            run_id=self.run_id,
        )


class Tracker:
    """Starts runs, and ends those that a killed process has left behind."""

    @classmethod
    @cache
    def shared(cls, home: Home, study: str) -> "Tracker":
        """One tracker for each study and process: opening a store takes seconds."""
        return cls(home, study)

    def __init__(self, home: Home, study: str) -> None:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(home.mlflow_uri)
        self.study = study
        self.experiment_id = self._experiment(home)

    def start(
        self, asset: str, partition: str | None, dagster_run_id: str, parents: Iterable[Artifact]
    ) -> TrackedRun:
        """Start a run whose datasets are the parent artifacts."""
        parents = tuple(parents)
        tags = {STUDY: self.study, ASSET: asset, DAGSTER_RUN: dagster_run_id}
        if partition:
            tags[PARTITION] = partition
        name = f"{asset}[{partition}]" if partition else asset
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=name)
        if parents:
            self.client.log_inputs(run.info.run_id, [_input(parent) for parent in parents])
        return TrackedRun(self.client, run.info.run_id, self.experiment_id, parents)

    def end_leaked(self, alive: Iterable[str]) -> list[str]:
        """End, as KILLED, the RUNNING runs whose Dagster run is not among `alive`; their ids."""
        living = set(alive)
        running = self.client.search_runs(
            [self.experiment_id], "attributes.status = 'RUNNING'", ViewType.ACTIVE_ONLY
        )
        leaked = [run for run in running if run.data.tags.get(DAGSTER_RUN) not in living]
        for run in leaked:
            self.client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))
        return [run.info.run_id for run in leaked]

    def _experiment(self, home: Home) -> str:
        found = self.client.get_experiment_by_name(self.study)
        if found is not None:
            return str(found.experiment_id)
        location = (home.mlflow_artifacts / self.study).as_uri()
        try:
            return str(self.client.create_experiment(self.study, artifact_location=location))
        except MlflowException:
            # Another process created it between the question and the answer.
            return str(self.client.get_experiment_by_name(self.study).experiment_id)


def _input(parent: Artifact) -> DatasetInput:
    source = json.dumps({"asset": parent.asset, "version": parent.version})
    profile = json.dumps({"files": len(parent.manifest.files)})
    data = parent.as_data()
    dataset = Dataset(data.name, short_digest(data.digest), "lake", source, None, profile)
    tags = [InputTag("mlflow.data.context", parent.asset), InputTag("sha256", parent.digest)]
    return DatasetInput(dataset, tags)
