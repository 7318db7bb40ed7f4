"""MLflow's database, read in a few queries for a whole study and without writing a byte."""

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, bindparam, create_engine, text

from alignment_dagster.audit.check.mlflow_records import (
    Input,
    MetricPoint,
    MlflowRecords,
    MlflowRun,
    Model,
    ModelMetric,
)
from alignment_dagster.foundation.databases import one_error, require_sqlite
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.sqlite_copy import (
    copy_database,
    is_readable_in_place,
)

SQLITE = "sqlite:///"
READY = 2
"""`LoggedModelStatus.READY` as the database has it."""


def read_database(uri: str, study: str) -> MlflowRecords:
    """Everything that the database has of a study.

    Raises:
        ArtifactError: if it is missing, or has no experiment of that name.
        AlignmentError: if a server's database cannot be used.
    """
    with _connected(uri) as connection:
        return _read(connection, study)


@contextmanager
def _connected(uri: str) -> Iterator[Connection]:
    """A connection that writes nothing; a database that was left half-way is copied first."""
    if not uri.startswith(SQLITE):
        with one_error("MLflow's database"):
            engine = create_engine(uri, execution_options={"postgresql_readonly": True})
            with _open(engine) as connection:
                yield connection
        return
    path = Path(uri.removeprefix(SQLITE))
    if not path.exists():
        raise ArtifactError(f"{path}: MLflow's database is missing")
    require_sqlite(path)
    with tempfile.TemporaryDirectory(prefix="alignment-check-") as name:
        if not is_readable_in_place(path):
            copy = Path(name) / path.name
            copy_database(path, copy)
            path = copy
        address = f"file:{quote(str(path))}?mode=ro"
        engine = create_engine(SQLITE, creator=lambda: sqlite3.connect(address, uri=True))
        with _open(engine) as connection:
            yield connection


@contextmanager
def _open(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _read(connection: Connection, study: str) -> MlflowRecords:
    """A few queries for the whole experiment; runs that start meanwhile are left out."""
    found = _rows(connection, EXPERIMENT, study)
    if not found or found[0][1] != "active":
        raise ArtifactError(f"MLflow has no experiment {study!r}, or it was deleted")
    experiment = found[0][0]
    runs = {
        run_id: MlflowRun(run_id, status, stage == "active")
        for run_id, status, stage in _rows(connection, RUNS, experiment)
    }
    for query, name in ((TAGS, "tags"), (PARAMS, "params")):
        for run_id, key, value in _rows(connection, query, experiment):
            if run_id in runs:
                getattr(runs[run_id], name)[key] = value
    for query, name in ((METRICS, "metrics"), (LATEST, "latest")):
        for run_id, key, step, value, is_nan in _rows(connection, query, experiment):
            if run_id in runs:
                point = MetricPoint(key, step, float("nan") if is_nan else value)
                getattr(runs[run_id], name).append(point)
    for model, key, step, value, run_id, dataset, digest in _rows(
        connection, MODEL_METRICS, experiment
    ):
        if run_id in runs:
            metric = ModelMetric(model, MetricPoint(key, step, value), dataset, digest)
            runs[run_id].model_metrics.append(metric)
    for run_id, name, digest, sha256 in _rows(connection, INPUTS, experiment):
        if run_id in runs:
            runs[run_id].inputs.append(Input(name, digest, sha256))
    return MlflowRecords(runs, _models(connection, experiment))


def _models(connection: Connection, experiment: Any) -> dict[str, Model]:
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    params: dict[str, dict[str, str]] = defaultdict(dict)
    for query, values in ((MODEL_TAGS, tags), (MODEL_PARAMS, params)):
        for model_id, key, value in _rows(connection, query, experiment):
            values[model_id][key] = value
    return {
        model_id: Model(
            run_id, status == READY, stage == "active", tags[model_id], params[model_id]
        )
        for model_id, run_id, status, stage in _rows(connection, MODELS, experiment)
    }


def _rows(connection: Connection, query: str, value: Any) -> list[Any]:
    name = "study" if ":study" in query else "experiment"
    statement = text(query).bindparams(bindparam(name))
    return list(connection.execute(statement, {name: value}).all())


_OF = "join runs on runs.run_uuid = one.run_uuid where runs.experiment_id = :experiment"
EXPERIMENT = "select experiment_id, lifecycle_stage from experiments where name = :study"
RUNS = "select run_uuid, status, lifecycle_stage from runs where experiment_id = :experiment"
TAGS = f"select one.run_uuid, one.key, one.value from tags as one {_OF}"
PARAMS = TAGS.replace("from tags", "from params")
METRICS = f"select one.run_uuid, one.key, one.step, one.value, one.is_nan from metrics as one {_OF}"
LATEST = METRICS.replace("from metrics", "from latest_metrics")
MODEL_METRICS = (
    "select model_id, metric_name, metric_step, metric_value, run_id, dataset_name, "
    "dataset_digest from logged_model_metrics where experiment_id = :experiment"
)
INPUTS = (
    "select runs.run_uuid, datasets.name, datasets.digest, input_tags.value from inputs "
    "join runs on runs.run_uuid = inputs.destination_id and inputs.destination_type = 'RUN' "
    "join datasets on datasets.dataset_uuid = inputs.source_id "
    "and inputs.source_type = 'DATASET' "
    "left join input_tags on input_tags.input_uuid = inputs.input_uuid "
    "and input_tags.name = 'sha256' where runs.experiment_id = :experiment"
)
MODELS = (
    "select model_id, source_run_id, status, lifecycle_stage from logged_models "
    "where experiment_id = :experiment"
)
MODEL_TAGS = (
    "select model_id, tag_key, tag_value from logged_model_tags where experiment_id = :experiment"
)
MODEL_PARAMS = (
    "select model_id, param_key, param_value from logged_model_params "
    "where experiment_id = :experiment"
)
