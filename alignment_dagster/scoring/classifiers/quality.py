"""How good a classifier is on what it did not learn from: thresholds, calibration, confusion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alignment_dagster.scoring.classifiers.weights import Scores
from alignment_dagster.study.classifiers import Classifier, Multiclass, Ordinal

BOUNDS = 20
"""Bounds between the lowest and the highest score, at even distances."""
BINS = 10
QUOTED = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Bounds of which MLflow is told."""
CONFIDENCE = 1.96

Flags = NDArray[np.bool_]
Row = dict[str, str | float | int | None]


@dataclass(frozen=True)
class Quality:
    """Tables of the held-out documents, and what is said of them in a number each."""

    thresholds: pa.Table
    """Column and bound → how many are flagged above it, how many rightly."""
    calibration: pa.Table
    """Column and bin of scores → the mean score and what was true of them."""
    confusion: pa.Table
    """Label and predicted label → documents."""
    predicted: list[str]
    """The likeliest label of each document."""
    metrics: Mapping[str, float]
    above_chance: bool
    """Whether the mean recall of the labels is above chance beyond its error."""


def measure(
    classifier: Classifier, labels: list[str], scores: pa.Table, beside: Flags | None
) -> Quality:
    """Hold the scores of held-out documents against their labels.

    Args:
        labels: of each document.
        scores: what the classifier said, a row a document.
        beside: what the declared rule flags, where there is one.
    """
    known = classifier.tells.labels
    truth = np.array([known.index(label) for label in labels])
    values = {name: scores[name].to_numpy() for name in classifier.columns}
    predicted = _predict(classifier, values)
    confusion = np.zeros((len(known), len(known)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    thresholds, calibration, metrics = [], [], {"held_out": float(len(labels))}
    for name, found in values.items():
        thresholds += _thresholds(classifier, name, found, truth)
        bins, error, squared = _calibrate(classifier, name, found, truth)
        calibration += bins
        prefix = "" if len(values) == 1 else f"{name}/"
        metrics |= {f"{prefix}calibration_error": error, f"{prefix}squared_error": squared}
    if beside is not None and classifier.beside is not None:
        rule = classifier.beside
        name = f"{rule.scorer}.{rule.column}"
        thresholds.append(_flagged(name, rule.above, beside, truth == 1))
    recalls, error = _mean_recall(confusion)
    metrics |= {"accuracy": float(np.trace(confusion) / len(labels)), "mean_recall": recalls}
    metrics |= {
        f"{name}/{row['column']}/above_{row['bound']:.2f}": float(value)
        for row in thresholds
        if row["bound"] in QUOTED
        for name in ("precision", "recall")
        if (value := row[name]) is not None
    }
    rows = [
        {"label": label, "predicted": other, "documents": int(confusion[at, to])}
        for at, label in enumerate(known)
        for to, other in enumerate(known)
    ]
    return Quality(
        pa.Table.from_pylist(thresholds, schema=THRESHOLDS),
        pa.Table.from_pylist(calibration, schema=CALIBRATION),
        pa.Table.from_pylist(rows, schema=CONFUSION),
        [known[at] for at in predicted],
        metrics,
        recalls - CONFIDENCE * error > 1 / len(known),
    )


THRESHOLDS = pa.schema(
    [
        ("column", pa.string()),
        ("bound", pa.float64()),
        ("documents", pa.int64()),
        ("positives", pa.int64()),
        ("flagged", pa.int64()),
        ("hits", pa.int64()),
        ("precision", pa.float64()),
        ("recall", pa.float64()),
        ("f1", pa.float64()),
        ("share_flagged", pa.float64()),
    ]
)
CALIBRATION = pa.schema(
    [
        ("column", pa.string()),
        ("from", pa.float64()),
        ("to", pa.float64()),
        ("documents", pa.int64()),
        ("mean_score", pa.float64()),
        ("mean_true", pa.float64()),
    ]
)
CONFUSION = pa.schema(
    [("label", pa.string()), ("predicted", pa.string()), ("documents", pa.int64())]
)


def _highest(classifier: Classifier) -> float:
    return float(classifier.tells.highest) if isinstance(classifier.tells, Ordinal) else 1.0


def _predict(classifier: Classifier, values: Mapping[str, Scores]) -> NDArray[np.int64]:
    if isinstance(classifier.tells, Multiclass):
        likeliest: NDArray[np.int64] = np.argmax(np.column_stack([*values.values()]), axis=1)
        return likeliest
    # half is not more than half: the same side as a rule `above: 0.5`
    levels: NDArray[np.int64] = np.ceil(values["score"] - 0.5).clip(0).astype(np.int64)
    return levels


def _thresholds(
    classifier: Classifier, name: str, values: Scores, truth: NDArray[np.int64]
) -> list[Row]:
    """A row for each bound; on a scale what lies above the bound is to be flagged."""
    highest = _highest(classifier)
    rows = []
    for step in range(1, BOUNDS):
        bound = round(highest * step / BOUNDS, 4)
        if isinstance(classifier.tells, Multiclass):
            positive = truth == classifier.tells.labels.index(name)
        else:
            positive = truth > bound
        rows.append(_flagged(name, bound, values > bound, positive))
    return rows


def _flagged(name: str, bound: float, flagged: Flags, positive: Flags) -> Row:
    hits, marked, wanted = (int(one.sum()) for one in (flagged & positive, flagged, positive))
    return {
        "column": name,
        "bound": bound,
        "documents": len(flagged),
        "positives": wanted,
        "flagged": marked,
        "hits": hits,
        "precision": hits / marked if marked else None,
        "recall": hits / wanted if wanted else None,
        "f1": 2 * hits / (marked + wanted) if marked + wanted else None,
        "share_flagged": marked / max(1, len(flagged)),
    }


def _calibrate(
    classifier: Classifier, name: str, values: Scores, truth: NDArray[np.int64]
) -> tuple[list[Row], float, float]:
    """Bins of scores, the mean distance of score and truth over them, and the squared error."""
    tells, highest = classifier.tells, _highest(classifier)
    true = truth == tells.labels.index(name) if isinstance(tells, Multiclass) else truth
    place = np.minimum((values / highest * BINS).astype(np.int64), BINS - 1)
    rows: list[Row] = []
    distance = 0.0
    for at in range(BINS):
        inside = place == at
        count = int(inside.sum())
        if count:
            score, found = float(values[inside].mean()), float(true[inside].mean())
            distance += count / len(values) * abs(score - found)
            edges = {"from": highest * at / BINS, "to": highest * (at + 1) / BINS}
            own = {"documents": count, "mean_score": score, "mean_true": found}
            rows.append({"column": name, **edges, **own})
    return rows, distance, float(np.mean((values - true) ** 2))


def _mean_recall(confusion: NDArray[np.int64]) -> tuple[float, float]:
    """Mean over the labels of the share that was recognised, and its standard error."""
    counts = confusion.sum(axis=1)
    recalls = np.diag(confusion) / counts
    # a half is added to either side: that all of few were recognised is not without error
    shares = (np.diag(confusion) + 0.5) / (counts + 1)
    error = np.sqrt(np.sum(shares * (1 - shares) / counts)) / len(counts)
    return float(recalls.mean()), float(error)
