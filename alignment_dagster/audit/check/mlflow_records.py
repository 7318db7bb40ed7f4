"""What MLflow has on record of a study, as plain records; `mlflow_reader` fills them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    params: dict[str, str] = field(default_factory=dict)
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
