"""What MLflow has on record of a study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from alignment_dagster.foundation.home import Home

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")
"""Of databases that are read directly; anything else is a server."""


@dataclass(frozen=True)
class MetricPoint:
    """A metric's value at a step."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class ModelMetric:
    """The same as MLflow shows it at a model, with the dataset."""

    model_id: str
    point: MetricPoint
    dataset: str | None
    digest: str | None
    """As short as MLflow takes it."""


@dataclass(frozen=True)
class Input:
    """A dataset of a run."""

    name: str
    digest: str
    """As short as MLflow takes it."""
    sha256: str | None
    """The whole digest, from the tag."""


@dataclass
class MlflowRun:
    """A run, with everything that hangs on it."""

    run_id: str
    status: str
    active: bool
    """Not in the waste-paper basket."""
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[MetricPoint] = field(default_factory=list)
    latest: list[MetricPoint] = field(default_factory=list)
    """What MLflow's page shows."""
    model_metrics: list[ModelMetric] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)


@dataclass(frozen=True)
class Model:
    """A logged model."""

    run_id: str | None
    ready: bool
    active: bool
    tags: Mapping[str, str]
    params: Mapping[str, str]


@dataclass(frozen=True)
class MlflowRecords:
    """The runs and models of a study's experiment."""

    runs: Mapping[str, MlflowRun]
    models: Mapping[str, Model]


def read_mlflow(home: Home, study: str) -> MlflowRecords:
    """Everything that MLflow has of a study; nothing is written.

    Raises:
        ArtifactError: if there is no such database, or no experiment of that name in it.
    """
    uri = home.mlflow_uri
    if urlsplit(uri).scheme.split("+")[0] in SCHEMES:
        from alignment_dagster.audit.check.mlflow_database import read_database

        return read_database(uri, study)
    from alignment_dagster.audit.check.mlflow_server import read_over_client

    return read_over_client(uri, study)
