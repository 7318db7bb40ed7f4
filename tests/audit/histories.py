"""Random honest histories of a small study: whatever an honest person does, a check finds no gap.

A history is a study's home and four operations drawn at random, then a whole run. An operation is
an edit (or the way back from one), a run of all or a part, with one worker or two, a run that is
interrupted or killed and then started again, or Dagster's own command for one partition. The home
was run to its report before, or (every fourth) is empty; every third study has two seeds, every
eighth tampering and attacks. After each operation the study is checked; after a kill, which leaves
things open that the next run ends, it is checked after that run.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tiny_study
import yaml
from tiny_study import ATTACKS, CLAIM, NAME, STUDY, TAMPERING, TinyStudy

DRIVER = Path(__file__).with_name("history_driver.py")
OPERATIONS = 4
EMPTY_EVERY = 4
TAMPERED_EVERY = 8
SEEDS_EVERY = 3
ROWS = 60
TIMEOUT = 600.0
PARTITIONED = ("pretrained_checkpoint", "post_trained_checkpoint", "evaluation")
RECIPES = ("unfiltered", "aligned")
ASSETS = (
    "raw_corpus",
    "scored_corpus",
    "dispositions",
    "tokenizer",
    "curated_mix",
    *PARTITIONED,
    "metrics",
    "eval_report",
)
SMALL: Mapping[str, Any] = {
    "mix": {"tokens": 2560, "sequence_length": 128, "share_tolerance": 0.2, "max_repeats": 50.0},
    "pretraining": {**STUDY["pretraining"], "batch_size": 2, "checkpoint_every": 2},
}
MEASURED: Mapping[str, Any] = {
    "sources": [*STUDY["sources"], "bad_chat"],
    "tampering": [TAMPERING],
    "attacks": ATTACKS,
}


class Driver:
    """Starts each operation as a process of its own, from one that has all imports."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._answer()

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def start(self, request: Mapping[str, Any]) -> int:
        """Begin an operation; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._answer()["pid"])

    def end(self) -> int:
        """Wait for its end: the exit code, negative for a signal."""
        return int(self._answer()["code"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the driver of the histories has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


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

    def request(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return {
            "operation": operation,
            "arguments": {"study": NAME, **arguments},
            "environment": {
                "ALIGNMENT_ASSETS": str(self.study.assets),
                "ALIGNMENT_DATA": str(self.study.data),
                "ALIGNMENT_HOME": str(self.home),
            },
            "log": str(self.log),
        }


def create(folder: Path, **fields: Any) -> Place:
    """The tiny study made smaller: few documents, ten steps of training."""
    tiny_study.create(folder)
    place = Place(folder)
    place.study.change(**SMALL, **fields)
    for name in ("stories", "ai_news", "aligned_docs", "chat", "pairs"):
        path = place.study.data / f"{name}.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:ROWS] if name == "stories" else lines[:16]))
    return place


@dataclass
class Verdict:
    """What a check said, and what was wrong with it."""

    step: str
    wrong: list[str]


@dataclass
class History:
    """One study's home, the operations so far, and every false alarm."""

    place: Place
    driver: Driver
    draw: random.Random
    seeds: tuple[int, ...] = (0,)
    steps: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    checks: int = 0
    state: dict[str, bool] = field(default_factory=dict)
    """Edit → whether it is made at the moment."""
    told: dict[str, Any] = field(default_factory=dict)
    """The last check."""

    def play(self, operations: int = OPERATIONS) -> None:
        """Draw and do the operations, then (if there were any) a whole run; check after each."""
        for _ in range(operations):
            choice = self.draw.choices(list(ACTIONS), [weight for _, weight in ACTIONS.values()])
            self.act(choice[0])
        if operations:
            self.act("run all")

    def act(self, name: str) -> None:
        """One operation, then the check."""
        before = dict(self.told)
        done = ACTIONS[name][0](self)
        self.steps.append(done)
        self.check()
        if name == "run all":
            self._whole_run(before)

    def check(self) -> None:
        """No gap; and changes exactly where the report is not that of today."""
        answer = self.place.folder / "answer.json"
        answer.unlink(missing_ok=True)
        code = self.operate("check", answer=str(answer))
        if code != 0 or not answer.exists():
            self.say(f"the check ended with {code}: {tail(self.place.log)}")
            return
        self.checks += 1
        self.told = json.loads(answer.read_text())
        for gap in self.told["gaps"]:
            self.say(f"gap: {gap}")
        if self.told["current"] and self.told["changes"]:
            self.say(f"nothing has to run, yet changed: {self.told['changes']}")

    def _whole_run(self, before: Mapping[str, Any]) -> None:
        """After it the report is current; where nothing was changed before, it is the same one."""
        if not self.told.get("current"):
            self.say(f"not current after a whole run: {tail(self.place.log)}")
        unchanged = before.get("report") and not before.get("changes")
        if unchanged and self.told.get("report") != before["report"]:
            self.say("nothing was said to have changed, and the next run made another report")

    def say(self, wrong: str) -> None:
        self.wrong.append(f"after {self.steps[-1] if self.steps else 'the start'}: {wrong}")

    def operate(self, operation: str, **arguments: Any) -> int:
        """Do something to its end."""
        self.driver.start(self.place.request(operation, **arguments))
        return self.driver.end()

    def run(self, **selection: Any) -> int:
        """`alignment run` with a part or all."""
        return self.operate("run", **{**WHOLE, **selection})

    def stop(self, number: signal.Signals, after: float, **selection: Any) -> int:
        """The same, ended by a signal after some seconds unless it ends before."""
        pid = self.driver.start(self.place.request("run", **{**WHOLE, **selection}))
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):  # it may have been faster
            os.kill(pid, number)
        return self.driver.end()


WHOLE: Mapping[str, Any] = {
    "recipes": [], "seeds": [], "first": None, "last": None, "workers": 1
}  # fmt: skip


def tail(path: Path, lines: int = 6) -> str:
    """The end of a log."""
    if not path.exists():
        return "(no log)"
    return " / ".join(path.read_text(errors="replace").strip().splitlines()[-lines:])


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


def _edit(history: History) -> str:
    name = history.draw.choice(list(EDITS))
    made = not history.state.get(name, False)
    EDITS[name](history.place, made)
    history.state[name] = made
    return f"{'edit' if made else 'way back from the edit of'} {name}"


def _edit_and_run(history: History) -> str:
    told = _edit(history)
    return f"{told}, then run (exit {history.run(workers=history.draw.choice((1, 2)))})"


def _run_all(history: History) -> str:
    return f"run (exit {history.run()})"


def _run_parallel(history: History) -> str:
    return f"run with two workers (exit {history.run(workers=2)})"


def _part(draw: random.Random, seeds: tuple[int, ...]) -> dict[str, Any]:
    kind = draw.choice(("to", "from", "recipe", "seed", "both"))
    part: dict[str, Any] = {}
    if kind in ("to", "both"):
        part["last"] = draw.choice(ASSETS)
    if kind == "from":
        part["first"] = draw.choice(ASSETS)
    if kind in ("recipe", "both"):
        part["recipes"] = [draw.choice(RECIPES)]
    if kind == "seed":
        part["seeds"] = [draw.choice(seeds)]
    return part


def _run_part(history: History) -> str:
    part = _part(history.draw, history.seeds)
    return f"run a part {part} (exit {history.run(**part)})"


def _stopped(history: History, number: signal.Signals) -> str:
    """Something is edited first, so that there is something to do."""
    told = _edit(history)
    after = history.draw.uniform(0.5, 12.0)
    workers = history.draw.choice((1, 2))
    code = history.stop(number, after, workers=workers)
    return (
        f"{told}, then run with {workers} workers, {number.name} after {after:.1f} s (exit {code})"
    )


def _interrupt(history: History) -> str:
    told = _stopped(history, signal.SIGINT)
    history.steps.append(told)
    history.check()
    return f"run again (exit {history.run()})"


def _kill(history: History) -> str:
    told = _stopped(history, signal.SIGKILL)
    return f"{told}, run again (exit {history.run()})"


def _materialize(history: History) -> str:
    asset = history.draw.choice(("raw_corpus", "scored_corpus", "curated_mix", *PARTITIONED))
    if asset in PARTITIONED:
        partition = f"{history.draw.choice(RECIPES)}|{history.draw.choice(history.seeds)}"
    elif asset == "curated_mix":
        partition = history.draw.choice(RECIPES)
    else:
        partition = history.draw.choice(("stories", "ai_news", "chat"))
    code = history.operate("materialize", asset=asset, partition=partition)
    return f"dagster asset materialize {asset} {partition} (exit {code})"


Action = Callable[[History], str]
ACTIONS: Mapping[str, tuple[Action, int]] = {
    "edit": (_edit, 3),
    "edit and run": (_edit_and_run, 4),
    "run all": (_run_all, 1),
    "run in parallel": (_run_parallel, 1),
    "run a part": (_run_part, 4),
    "interrupt": (_interrupt, 3),
    "kill": (_kill, 3),
    "materialize": (_materialize, 2),
}


@dataclass
class Bench:
    """Homes that were run once, kept at the very paths at which the histories go on."""

    folder: Path
    driver: Driver

    def play(self, number: int, seed: int, operations: int = OPERATIONS) -> History:
        """One history; the same number and seed draw the same operations."""
        empty = number % EMPTY_EVERY == 0
        seeds = (0, 1) if number % SEEDS_EVERY == 0 else (0,)
        measured = number % TAMPERED_EVERY == TAMPERED_EVERY - 1
        name = f"{'measured' if measured else 'plain'}-{len(seeds)}"
        fields = {"seeds": list(seeds), **(MEASURED if measured else {})}
        place = self._begin(name, fields, empty)
        history = History(place, self.driver, random.Random(f"{seed}/{number}"), seeds)
        history.steps.append(f"{'an empty home' if empty else 'a home run once'} ({name})")
        history.play(operations)
        return history

    def _begin(self, name: str, fields: Mapping[str, Any], empty: bool) -> Place:
        place, kept = Place(self.folder / name), self.folder / f"{name}-once"
        if not kept.exists():
            create(place.folder, **fields)
            history = History(place, self.driver, random.Random(0))
            history.act("run all")
            if history.wrong:
                raise RuntimeError(f"the study cannot be run: {history.wrong}")
            shutil.copytree(place.folder, kept, symlinks=True)
        shutil.rmtree(place.folder)
        shutil.copytree(kept, place.folder, symlinks=True)
        if empty:
            shutil.rmtree(place.home)
        return place
