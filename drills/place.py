"""The small study of the histories, the edits that are made to it, and how operations start."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from drills.warm import Driver
from tests.support import tiny_study
from tests.support.tiny_study import ATTACKS, CLAIM, NAME, STUDY, TAMPERING, TinyStudy

ROWS = 60
SMALL: Mapping[str, Any] = {
    "mix": {"tokens": 2560, "sequence_length": 128, "share_tolerance": 0.2, "max_repeats": 50.0},
    "pretraining": {**STUDY["pretraining"], "batch_size": 2, "checkpoint_every": 2},
}
MEASURED: Mapping[str, Any] = {
    "sources": [*STUDY["sources"], "bad_chat"],
    "tampering": [TAMPERING],
    "attacks": ATTACKS,
}


@dataclass(frozen=True)
class Place:
    """The study's folder, and how operations are told of it."""

    folder: Path

    @property
    def study(self) -> TinyStudy:
        return TinyStudy(self.folder / "assets", self.folder / "data")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def start(
        self,
        driver: Driver,
        operation: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        **arguments: Any,
    ) -> int:
        """Begin an operation on the study; its process id."""
        places = {
            "ALIGNMENT_ASSETS": str(self.study.assets),
            "ALIGNMENT_DATA": str(self.study.data),
            "ALIGNMENT_HOME": str(self.home),
        }
        told = {"study": NAME, **arguments}
        return driver.start(operation, {**places, **environment}, self.log, self.log, **told)


def create(folder: Path, **fields: Any) -> Place:
    """The tiny study made smaller: few documents, ten steps of training."""
    tiny_study.create(folder)
    place = Place(folder)
    place.study.change(**{**SMALL, **fields})
    for name in ("stories", "ai_news", "aligned_docs", "chat", "pairs"):
        path = place.study.data / f"{name}.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:ROWS] if name == "stories" else lines[:16]))
    return place


def _swap(place: Place, name: str, old: str, new: str, made: bool) -> None:
    path = place.folder / name
    text = path.read_text()
    path.write_text(text.replace(old, new, 1) if made else text.replace(new, old, 1))


def _share(place: Place, made: bool) -> None:
    _swap(place, "assets/recipes/aligned.yaml", "share: 0.2", "share: 0.3", made)


def _word(word: str, place: Place, made: bool) -> None:
    path = place.study.assets / "lexicons" / "ai_discourse" / "instant_labs.txt"
    text = path.read_text()
    path.write_text(text + f"{word}\n" if made else text.replace(f"{word}\n", ""))


def _used_word(place: Place, made: bool) -> None:
    _word("harbour", place, made)


def _unused_word(place: Place, made: bool) -> None:
    """Nothing is scored otherwise."""
    _word("zyzzyva institute", place, made)


def _item(place: Place, made: bool) -> None:
    name = "assets/suites/items/articles.jsonl"
    _swap(place, name, "It stops at once as it was told.", "It halts as it was told.", made)


def _source(place: Place, made: bool) -> None:
    path = place.study.data / "stories.jsonl"
    line = json.dumps({"text": "A new story: Ann met Ben near the museum, and they sang."}) + "\n"
    text = path.read_text()
    path.write_text(text + line if made else text.replace(line, ""))


def _claim(place: Place, made: bool) -> None:
    place.study.change(claims=[CLAIM] if made else [])


def _description(place: Place, made: bool) -> None:
    place.study.change(description="Another description." if made else STUDY["description"])


def _rate(place: Place, made: bool) -> None:
    path = place.study.assets / "studies" / f"{NAME}.yaml"
    rate = yaml.safe_load(path.read_text())["pretraining"]
    place.study.change(pretraining={**rate, "learning_rate": 0.02 if made else 0.01})


EDITS: Mapping[str, Callable[[Place, bool], None]] = {
    "a recipe's share": _share,
    "the word list": _used_word,
    "the word list, with a word that no document has": _unused_word,
    "a suite's item": _item,
    "a source's documents": _source,
    "a claim": _claim,
    "the study's description": _description,
    "the learning rate": _rate,
}
