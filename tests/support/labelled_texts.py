"""Labelled texts of three kinds, and classifiers that learn them."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.scoring.classifiers.examples import LabelledDocuments, choose_examples
from alignment_dagster.scoring.classifiers.train import train
from alignment_dagster.scoring.classifiers.trained import Trained
from alignment_dagster.study import Classifier

WORDS = {
    "machine": ("robot", "circuit", "network", "agent"),
    "sea": ("boat", "harbour", "tide", "anchor"),
    "farm": ("cow", "field", "barn", "hay"),
}
BINARY = {"kind": "binary", "positive": "machine", "negative": "sea"}


def declare(tells: Mapping[str, Any], labels: Sequence[str | int], **fields: Any) -> Classifier:
    sources = [{"source": f"source_{label}", "label": label} for label in labels]
    given = {"name": "kind", "description": "d", "tells": tells, "sources": sources, **fields}
    return Classifier.model_validate(given)


def write(folder: Path, label: str, texts: Sequence[str]) -> LabelledDocuments:
    source = f"source_{label}"
    ids = [f"{source}-{number:04}" for number in range(len(texts))]
    path = folder / f"{source}.parquet"
    pq.write_table(pa.table({"document_id": ids, "text": list(texts)}), path)
    return LabelledDocuments(source, label, [path])


def texts(kind: str, count: int = 150) -> list[str]:
    """About one of the kinds, in words that the others have too."""
    draw = random.Random(kind)
    common = ("the", "old", "man", "saw", "a", "day", "and", "went")
    return [
        " ".join(
            [draw.choice(common) for _ in range(8)]
            + [draw.choice(WORDS[kind]) for _ in range(2)]
            + [str(number)]
        )
        for number in range(count)
    ]


def nothing_leaks(found: list[str]) -> list[None]:
    return [None] * len(found)


def learn(
    classifier: Classifier, corpora: Sequence[LabelledDocuments]
) -> tuple[Trained, pa.Table, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    examples = choose_examples(classifier, corpora, 0.05, nothing_leaks)
    return train(classifier, corpora, examples, lambda *one: told.append(one)), examples, told
