"""A name and a digest for whatever a metric was measured on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A dataset as MLflow and the ledgers refer to it; `digest` is a hex SHA-256."""

    name: str
    digest: str


@dataclass(frozen=True)
class Metric:
    """A metric's value at a step, with the data and the MLflow model it was measured on."""

    name: str
    value: float
    step: int = 0
    data: Dataset | None = None
    model_id: str | None = None
