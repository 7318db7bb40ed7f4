"""MLflow's metrics against what it was told: each value, step, model and dataset."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from alignment_dagster.audit.check.mlflow_records import MetricPoint, MlflowRun
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.logged_metrics import read_metrics
from alignment_dagster.lineage.metric import Metric
from alignment_dagster.lineage.mlflow_tags import short_digest

LARGEST_STORED = 1.7976931348623157e308
"""What MLflow's database holds for an infinite number."""

Values = Mapping[tuple[str, int], set[float]]
"""Metric and step → its values; the same value twice is one."""
ModelKey = tuple[str, str | None, str | None]
"""Model, name and short digest of the dataset."""


def check_metrics(
    scope: Scope, subject: str, artifact: Artifact, run: MlflowRun, *, own_models: bool
) -> None:
    """What MLflow shows against what it was told; the same value twice is one value."""
    told = read_metrics(artifact.path)
    scope.findings.counts["mlflow metrics"] += len(told)
    for one in told:
        if one.data is None:
            message = f"metric {one.name} at step {one.step} was measured on no data"
            scope.findings.gap("mlflow", subject, message)
    expected = _group_by_step(MetricPoint(one.name, one.step, one.value) for one in told)
    _compare(scope, subject, expected, _group_by_step(run.metrics), "")
    _check_latest(scope, subject, expected, run.latest)
    if own_models:
        _check_model_metrics(scope, subject, told, run)


def _group_by_step(points: Iterable[MetricPoint]) -> Values:
    values: dict[tuple[str, int], set[float]] = defaultdict(set)
    for point in points:
        values[point.name, point.step].add(_as_stored(point.value))
    return values


def _as_stored(value: float | None) -> float:
    """As MLflow's database holds it; one value for all that are no number."""
    if value is None or math.isnan(value):
        return math.inf
    return max(-LARGEST_STORED, min(LARGEST_STORED, value))


def _compare(scope: Scope, subject: str, expected: Values, found: Values, at: str) -> None:
    for name, step in sorted(expected.keys() | found.keys()):
        wanted, given = expected.get((name, step)), found.get((name, step))
        what = f"metric {name} at step {step}{at}"
        if wanted is None:
            scope.findings.gap("mlflow", subject, f"{what} was added: {_format_values(given)}")
        elif given is None:
            scope.findings.gap(
                "mlflow", subject, f"{what} is missing: it was {_format_values(wanted)}"
            )
        elif given != wanted:
            logged = _format_values(wanted)
            message = f"{what} is {_format_values(given)}, and was {logged} when it was logged"
            scope.findings.gap("mlflow", subject, message)


def _format_values(values: set[float] | None) -> str:
    return ", ".join(repr(value) for value in sorted(values or ()))


def _check_latest(
    scope: Scope, subject: str, expected: Values, latest: Iterable[MetricPoint]
) -> None:
    """The value that MLflow's page shows of each metric is that of its last step."""
    last: dict[str, int] = {}
    for name, step in expected:
        last[name] = max(step, last.get(name, step))
    shown = {point.name: point for point in latest}
    for name, step in last.items():
        point = shown.get(name)
        wrong = point is None or point.step != step
        wrong = wrong or _as_stored(point.value if point else None) not in expected[name, step]
        told = f"{point.value!r} at step {point.step}" if point else "nothing"
        message = f"metric {name}: MLflow's page shows {told}, not the value of step {step}"
        scope.findings.gap_if(wrong, "mlflow", subject, message)
    for name in sorted(shown.keys() - last.keys()):
        scope.findings.gap("mlflow", subject, f"metric {name} is shown, and was never logged")


def _check_model_metrics(
    scope: Scope, subject: str, told: Iterable[Metric], run: MlflowRun
) -> None:
    """Each metric of a model is tied to the data it was measured on."""
    expected: dict[ModelKey, list[MetricPoint]] = defaultdict(list)
    for one in told:
        if one.model_id is not None:
            data = (one.data.name, short_digest(one.data.digest)) if one.data else (None, None)
            point = MetricPoint(one.name, one.step, one.value)
            expected[one.model_id, *data].append(point)
    found: dict[ModelKey, list[MetricPoint]] = defaultdict(list)
    for metric in run.model_metrics:
        found[metric.model_id, metric.dataset, metric.digest].append(metric.point)
    for model, dataset, digest in sorted(expected.keys() | found.keys(), key=str):
        key = (model, dataset, digest)
        at = f", of model {model} on {dataset} ({digest})"
        wanted, given = _group_by_step(expected.get(key, ())), _group_by_step(found.get(key, ()))
        _compare(scope, subject, wanted, given, at)
