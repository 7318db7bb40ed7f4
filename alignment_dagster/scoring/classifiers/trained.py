"""A trained classifier: its files, and what it says of texts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.scoring.classifiers.features import Features, read_features
from alignment_dagster.scoring.classifiers.sentences import find_sentences
from alignment_dagster.scoring.classifiers.weights import Scores, Weights
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer
from alignment_dagster.study.classifiers import Classifier, Multiclass, SequenceClassifier

WEIGHTS, DECLARATION = "weights.safetensors", "classifier.json"
VERSION = "1"
"""Of what is made of a text; raised when the same weights score otherwise on purpose."""


@dataclass(frozen=True)
class Trained:
    """Weights with all that it takes to use them."""

    classifier: Classifier
    features: Features
    weights: Weights

    def save(self, folder: Path) -> None:
        """Write weights and declaration; equal ones give equal bytes."""
        self.weights.save(folder / WEIGHTS)
        model = self.classifier.model
        digest = model_digest(model) if isinstance(model, SequenceClassifier) else None
        kept = {"declared": self.classifier.settings, "version": VERSION, "model": digest}
        (folder / DECLARATION).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Trained":
        """Read what `save` wrote.

        Raises:
            AlignmentError: if it holds something else, or the model that it was trained over is
                another one by now.
        """
        kept = json.loads((folder / DECLARATION).read_text(encoding="utf-8"))
        classifier = Classifier.model_validate({**kept["declared"], "description": "trained"})
        model = classifier.model
        if isinstance(model, SequenceClassifier) and model_digest(model) != kept["model"]:
            raise ArtifactError(
                f"classifier {classifier.name}: its model has other bytes than it was trained over"
            )
        return cls(classifier, read_features(model), Weights.load(folder / WEIGHTS))

    def score(self, texts: Sequence[str]) -> pa.Table:
        """One row a text, with the classifier's columns."""
        if self.classifier.unit == "sentence":
            return self._score_sentences(texts)
        return pa.table(self._columns(self.features.ask(texts, self.weights)))

    def _columns(self, found: Scores) -> dict[str, Scores]:
        tells = self.classifier.tells
        if isinstance(tells, Multiclass):
            return {name: found[:, at] for at, name in enumerate(tells.names)}
        return {"score": found @ np.arange(found.shape[1], dtype=np.float64)}

    def _score_sentences(self, texts: Sequence[str]) -> pa.Table:
        """Of each text the highest sentence, and where it is."""
        places = [find_sentences(text) for text in texts]
        sentences = [
            text[start:end]
            for text, own in zip(texts, places, strict=True)
            for start, end in own
        ]  # fmt: skip
        scores = self._columns(self.features.ask(sentences, self.weights))["score"]
        rows, first = [], 0
        for own in places:
            highest = int(np.argmax(scores[first : first + len(own)]))
            start, end = own[highest]
            rows.append({"score": float(scores[first + highest]), "start": start, "end": end})
            first += len(own)
        return pa.Table.from_pylist(rows, schema=pa.schema(list(columns(self.classifier).items())))


def columns(classifier: Classifier) -> Mapping[str, pa.DataType]:
    """The columns of its scores."""
    found: dict[str, Any] = dict.fromkeys(classifier.columns, pa.float64())
    if classifier.unit == "sentence":
        found |= {"start": pa.int64(), "end": pa.int64()}
    return found


def load_scorer(folder: Path) -> Scorer:
    """The scorer of a classifier's artifact.

    Raises:
        AlignmentError: as `Trained.load`.
    """
    trained = Trained.load(folder)
    return replace(make_scorer(trained.classifier), bind=lambda _context: trained.score)


def make_scorer(classifier: Classifier) -> Scorer:
    """A declared classifier as a scorer, under the name that recipes call it by; see `load_scorer`
    for one that can score.
    """

    def bind(_context: object) -> ScoreBatch:
        raise LookupError(f"{classifier.scorer} is not trained yet")

    def read_digest(_context: object) -> str:
        model = classifier.model
        return model_digest(model) if isinstance(model, SequenceClassifier) else ""

    return Scorer(classifier.scorer, VERSION, columns(classifier), bind, read_digest)
