"""Random honest histories of a small study: whatever an honest person does, a check finds no gap.

A history is a study's home and two operations drawn at random, then a whole run. An operation is
an edit (or the way back from one), a run of all or a part, with one worker or two, a run that is
interrupted or killed and then started again, Dagster's own command for one partition, or a
collection of garbage. The home
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
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drills.place import MEASURED, Place, create
from drills.warm import Driver

OPERATIONS = 2
EMPTY_EVERY = 4
TAMPERED_EVERY = 8
SEEDS_EVERY = 3
REFRESH: Mapping[str, Any] = {
    "schedule": {"cron": "0 3 * * *"}, "retention": {"reports": 1, "days": 0}
}  # fmt: skip
"""Garbage is collected as early as can be declared."""
WHOLE: Mapping[str, Any] = {
    "recipes": [], "seeds": [], "first": None, "last": None, "workers": 1
}  # fmt: skip

Actions = Mapping[str, tuple[Callable[["History"], str], int]]
"""What may happen: name → how it is done, and how often it is drawn."""


@dataclass
class History:
    """One study's home, the operations so far, and every false alarm."""

    place: Place
    driver: Driver
    draw: random.Random
    actions: Actions
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
            weights = [weight for _, weight in self.actions.values()]
            choice = self.draw.choices(list(self.actions), weights)
            self.act(choice[0])
        if operations:
            self.act("run all")

    def act(self, name: str) -> None:
        """One operation, then the check."""
        before = dict(self.told)
        done = self.actions[name][0](self)
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
        self.place.start(self.driver, operation, **arguments)
        return self.driver.end()

    def run(self, **selection: Any) -> int:
        """`alignment run` with a part or all."""
        return self.operate("run", **{**WHOLE, **selection})

    def stop(self, number: signal.Signals, after: float, **selection: Any) -> int:
        """The same, ended by a signal after some seconds unless it ends before."""
        pid = self.place.start(self.driver, "run", **{**WHOLE, **selection})
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):  # it may have been faster
            os.kill(pid, number)
        return self.driver.end()


def tail(path: Path, lines: int = 6) -> str:
    """The end of a log."""
    if not path.exists():
        return "(no log)"
    return " / ".join(path.read_text(errors="replace").strip().splitlines()[-lines:])


@dataclass
class Bench:
    """Homes that were run once, kept at the very paths at which the histories go on."""

    folder: Path
    driver: Driver
    actions: Actions

    def play(self, number: int, seed: int, operations: int = OPERATIONS) -> History:
        """One history; the same number and seed draw the same operations."""
        empty = number % EMPTY_EVERY == 0
        seeds = (0, 1) if number % SEEDS_EVERY == 0 else (0,)
        measured = number % TAMPERED_EVERY == TAMPERED_EVERY - 1
        name = f"{'measured' if measured else 'plain'}-{len(seeds)}"
        fields = {"seeds": list(seeds), "refresh": REFRESH, **(MEASURED if measured else {})}
        place = self._begin(name, fields, empty)
        history = History(
            place, self.driver, random.Random(f"{seed}/{number}"), self.actions, seeds
        )
        history.steps.append(f"{'an empty home' if empty else 'a home run once'} ({name})")
        history.play(operations)
        return history

    def _begin(self, name: str, fields: Mapping[str, Any], empty: bool) -> Place:
        place, kept = Place(self.folder / name), self.folder / f"{name}-once"
        if not kept.exists():
            create(place.folder, **fields)
            history = History(place, self.driver, random.Random(0), self.actions)
            history.act("run all")
            if history.wrong:
                raise RuntimeError(f"the study cannot be run: {history.wrong}")
            shutil.copytree(place.folder, kept, symlinks=True)
        shutil.rmtree(place.folder)
        shutil.copytree(kept, place.folder, symlinks=True)
        if empty:
            shutil.rmtree(place.home)
        return place
