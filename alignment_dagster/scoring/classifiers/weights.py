"""What logistic regression learnt, and how it is asked: whole numbers, summed without rounding.

A sum of whole numbers is the same in any order, so that a text scores the same to the last bit
whatever stands beside it in a batch. No pickle: safetensors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.scoring.classifiers.ngrams import Layer

SCALE = 1 << 20
"""Weights are whole multiples of one over so many."""
INVERSE_REGULARISATION = 10.0
"""Measured on the sources of the study `books`: 1 loses ten points of recall at .5, 100 no less."""
ITERATIONS = 500

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Of one row (of two labels), or of one row a label: `weights` times features, plus `bias`."""

    weights: NDArray[np.int32]
    """Rows by features, in units of 1 / `SCALE`."""
    bias: Scores

    def save(self, path: Path) -> None:
        """Write them as safetensors; equal weights give equal bytes."""
        from safetensors.numpy import save_file

        save_file({"bias": self.bias, "weights": self.weights}, path)

    @classmethod
    def load(cls, path: Path) -> "Weights":
        """Read what `save` wrote.

        Raises:
            ArtifactError: if the file holds something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            found = load_file(path)
            return cls(found["weights"], found["bias"])
        except (SafetensorError, KeyError, OSError) as error:
            raise ArtifactError(f"{path}: holds no weights of a classifier: {error}") from None

    def ask_layers(self, layers: Sequence[Layer]) -> Scores:
        """Texts by labels: the probability of each label, of the n-grams of texts."""
        counts = np.sum([layer.counts for layer in layers], axis=0)
        sums = np.zeros((len(counts), len(self.weights)), np.int64)
        for layer in layers:
            ends = np.cumsum(layer.counts)
            for row, weights in enumerate(self.weights):
                running = np.zeros(len(layer.buckets) + 1, np.int64)
                np.cumsum(weights[layer.buckets], dtype=np.int64, out=running[1:])
                sums[:, row] += running[ends] - running[ends - layer.counts]
        return self._probabilities(sums / SCALE / np.sqrt(np.maximum(counts, 1))[:, None])

    def ask_values(self, values: Scores) -> Scores:
        """Texts by labels, of texts by features."""
        # not a product of matrices, whose sums depend on how many rows there are
        return self._probabilities(np.sum(values[:, None] * self.weights / SCALE, axis=2))

    def _probabilities(self, sums: Scores) -> Scores:
        decided = sums + self.bias
        if decided.shape[1] == 1:
            decided = np.hstack([-decided, decided]) / 2
        # not numpy's exponential, which may round by where in an array a number stands
        rows = [[math.exp(one - max(row)) for one in row] for row in decided.tolist()]
        found: Scores = np.array(rows).reshape(decided.shape)
        found /= found.sum(axis=1, keepdims=True)
        return found


def fit_weights(features: object, labels: Sequence[int]) -> Weights:
    """Logistic regression (L-BFGS, one thread: the same bytes again).

    Args:
        features: a matrix, sparse or dense, of examples by features.
        labels: of each example, counted from 0; every label occurs.
    """
    # Imported here for weight: seconds, and only training needs it.
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=ITERATIONS)
    with threadpool_limits(1):
        model.fit(features, np.asarray(labels))
    weights = np.clip(np.rint(model.coef_ * SCALE), -(2**31) + 1, 2**31 - 1)
    return Weights(weights.astype(np.int32), np.rint(model.intercept_ * SCALE) / SCALE)
