"""Models that are trained again by themselves: night, policy, training and measuring, for real."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.place import Place, create
from drills.warm import Driver, shared
from tests.support.nights import CRON
from tests.support.tiny_study import write_jsonl

pytestmark = pytest.mark.slow
REPLICATE = "unfiltered|0"
SOURCES = ["stories", "chat", "pairs"]
BUDGET = {"period": "month", "runs": 10}


@dataclass(frozen=True)
class Study:
    """One that refreshes by itself, and the process that does it."""

    place: Place
    driver: Driver

    def declare(self, **training: Any) -> None:
        self.place.study.change(refresh={**CRON, "training": training, "budget": BUDGET})

    def add(self, rows: int) -> None:
        """New documents; with many of them, most of the mix is new."""
        path = self.place.study.data / "stories.jsonl"
        old = path.read_text().splitlines()
        kept = [json.loads(line) for line in old][: 5 if rows > 1 else None]
        text = "Finn and Gus painted boat {} at the lake, and Hana carried it home."
        write_jsonl(path, [*kept, *({"text": text.format(number)} for number in range(rows))])

    def do(self, operation: str) -> dict[str, Any]:
        """To its end, which is a good one; what it told."""
        answer = self.place.folder / f"{operation}.json"
        given: dict[str, Any] = {} if operation == "night" else {"answer": str(answer)}
        self.place.start(self.driver, operation, **given)
        assert self.driver.end() == 0, self.place.log.read_text()[-3000:]
        told: dict[str, Any] = json.loads(answer.read_text()) if given else {}
        return told

    def night(self) -> dict[str, Any]:
        """The scheduled look and what follows; then what the training policy does."""
        self.do("night")
        return self.do("policy")

    def trained(self) -> int:
        """How often models were made, and measured."""
        found = {self.made(asset) for asset in ("pretrained_checkpoint", "evaluation")}
        assert len(found) == 1
        return found.pop()

    def made(self, asset: str) -> int:
        """How often it became current."""
        lines = (self.place.home / "lake/tiny/journal.jsonl").read_text().splitlines()
        return sum(json.loads(line).get("asset") == asset for line in lines)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Its models were trained once, by the policy."""
    folder: Path = tmp_path_factory.mktemp("policy")
    small = {"recipes": ["unfiltered"], "seeds": [0], "suites": ["cloze"], "sources": SOURCES}
    found = Study(create(folder, **small), shared())
    found.declare(when="always")
    assert found.night()["trained"] == [REPLICATE]
    return found


def test_always_trains_on_every_changed_mix_and_a_share_once_so_much_of_it_is_new(
    study: Study,
) -> None:
    mixes, trained = study.made("curated_mix"), study.trained()
    assert "nothing to train" in study.do("policy")["skipped"]
    study.declare(when="mix_changed", share=0.4)
    study.add(1)
    assert "nothing to train" in study.night()["skipped"]
    assert (study.made("curated_mix"), study.trained()) == (mixes + 1, trained)
    study.declare(when="always")
    assert study.do("policy")["trained"] == [REPLICATE]
    assert study.trained() == trained + 1
    study.declare(when="mix_changed", share=0.4)
    study.add(50)
    assert study.night()["trained"] == [REPLICATE]
    assert study.trained() == trained + 2
    assert study.do("check")["gaps"] == []
