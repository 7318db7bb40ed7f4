"""From labelled documents to a trained classifier."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from alignment_dagster.scoring.classifiers.examples import (
    TRAINED,
    LabelledDocuments,
    ids_for,
    read_texts,
)
from alignment_dagster.scoring.classifiers.features import read_features
from alignment_dagster.scoring.classifiers.sentences import find_sentences
from alignment_dagster.scoring.classifiers.trained import Trained
from alignment_dagster.scoring.classifiers.weights import fit_weights
from alignment_dagster.study.classifiers import Classifier


def train(
    classifier: Classifier,
    corpora: Sequence[LabelledDocuments],
    examples: pa.Table,
    progress: Callable[[int, int], None],
) -> Trained:
    """Learn from the documents that `choose_examples` says are to be trained on.

    Args:
        progress: told how many documents were read, of how many.

    Raises:
        AlignmentError: if a declared model is not there.
    """
    features = read_features(classifier.model)
    wanted = ids_for(examples, TRAINED)
    places = {label: place for place, label in enumerate(classifier.tells.labels)}
    labels: list[int] = []
    matrices: list[Any] = []
    done = 0
    for corpus in corpora:
        for ids, texts in read_texts(corpus.files, wanted):
            units = [_units(classifier, text) for text in texts]
            matrices.append(features.matrix([one for own in units for one in own]))
            for document, own in zip(ids, units, strict=True):
                labels += [places[corpus.label_of(document) or ""]] * len(own)
            done += len(texts)
            progress(done, len(wanted))
    return Trained(classifier, features, fit_weights(_stack(matrices), labels))


def _units(classifier: Classifier, text: str) -> Sequence[str]:
    """A document's sentences have its label."""
    if classifier.unit == "document":
        return (text,)
    return [text[start:end] for start, end in find_sentences(text)]


def _stack(matrices: Sequence[Any]) -> Any:
    from scipy import sparse  # for weight

    if sparse.issparse(matrices[0]):
        return sparse.vstack(matrices, format="csr")
    return np.concatenate(matrices)
