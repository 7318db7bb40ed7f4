"""From texts to what a classifier's weights are multiplied with, and to its probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from alignment_dagster.scoring.classifiers.ngrams import BUCKETS, hash_texts
from alignment_dagster.scoring.classifiers.weights import Scores, Weights
from alignment_dagster.study.classifiers import (
    LanguageModel,
    LinearModel,
    Ngrams,
    SequenceClassifier,
)


class Features(Protocol):
    """What a kind of model reads of a text."""

    def matrix(self, texts: Sequence[str]) -> Any:
        """Texts by features, to learn from."""

    def ask(self, texts: Sequence[str], weights: Weights) -> Scores:
        """Texts by labels: probabilities."""


@dataclass(frozen=True)
class HashedNgrams:
    """Counts of hashed n-grams over the square root of how many a text has.

    So a long text says no more than it is long, and a score is a sum over n-grams, without
    counting the distinct ones.
    """

    ngrams: Ngrams

    def matrix(self, texts: Sequence[str]) -> Any:
        from scipy import sparse  # for weight

        found = []
        for layers in hash_texts(texts, self.ngrams):
            counts = np.sum([layer.counts for layer in layers], axis=0)
            each = 1 / np.sqrt(np.maximum(counts, 1))
            matrices = []
            for layer in layers:
                values = np.repeat(each, layer.counts).astype(np.float32)
                starts = np.append(0, np.cumsum(layer.counts))
                shape = (len(counts), BUCKETS)
                matrices.append(sparse.csr_matrix((values, layer.buckets, starts), shape=shape))
                matrices[-1].sum_duplicates()
            found.append(sum(matrices[1:], matrices[0]))
        return sparse.vstack(found, format="csr") if found else sparse.csr_matrix((0, BUCKETS))

    def ask(self, texts: Sequence[str], weights: Weights) -> Scores:
        found = [weights.ask_layers(layers) for layers in hash_texts(texts, self.ngrams)]
        return np.concatenate(found) if found else np.zeros((0, max(2, len(weights.bias))))


def read_features(model: LinearModel | SequenceClassifier | LanguageModel) -> Features:
    """What a declared model reads; of `transformers` the model is loaded.

    Raises:
        AlignmentError: if a model is not there, or cannot be used.
    """
    if isinstance(model, LinearModel):
        return HashedNgrams(model.ngrams)
    if isinstance(model, LanguageModel):
        # Imported here for weight: a client of HTTP is needed for judges alone.
        from alignment_dagster.scoring.classifiers.language_model import Verdicts

        return Verdicts(model)
    # Imported here for weight: torch takes seconds.
    from alignment_dagster.scoring.classifiers.sequence_model import SequenceModel

    return SequenceModel.load(model)
