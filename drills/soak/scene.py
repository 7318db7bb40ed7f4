"""What an injection works with: edits, commands, the moments to wait for, and signals."""

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from drills.place import Place
from drills.soak.bench import WHOLE, Bench

SOURCE = "stories"
LONGEST = 240.0
"""Seconds that a command may take."""
JOURNAL = "lake/tiny/journal.jsonl"


@dataclass
class Scene:
    """One injection on one home."""

    bench: Bench
    draw: random.Random
    environment: Mapping[str, str] = field(default_factory=dict)
    """For every command of this injection."""
    family: set[int] = field(default_factory=set)
    """Processes that the injected command was seen to have started."""
    wrong: list[str] = field(default_factory=list)
    """What did not end well."""
    codes: list[int] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.bench.place

    @property
    def home(self) -> Path:
        return self.place.home

    def edit(self, rows: int = 1) -> None:
        """New documents in a source: the whole chain has something to do."""
        with (self.place.study.data / f"{SOURCE}.jsonl").open("a") as lines:
            for _ in range(rows):
                words = " ".join(self.draw.choice(WORDS) for _ in range(12))
                number = self.draw.randrange(10**6)
                lines.write(json.dumps({"text": f"{words}, story {number}. Ann met Ben."}) + "\n")

    def start(self, operation: str, driver: int = 0, **arguments: Any) -> psutil.Process:
        """Begin a command."""
        given = {**(WHOLE if operation == "run" else {}), **arguments}
        started = self.bench.driver(driver)
        pid = self.place.start(started, operation, self.environment, **given)
        return psutil.Process(pid)

    def end(self, driver: int = 0) -> int:
        """Wait for the end of a command: its exit code."""
        code = self.bench.driver(driver).end()
        self.codes.append(code)
        return code

    def do(self, operation: str, **arguments: Any) -> int:
        """A command to its end."""
        self.start(operation, **arguments)
        return self.end()

    def said(self) -> str:
        """All that the commands printed."""
        return self.place.log.read_text(errors="replace") if self.place.log.exists() else ""

    def wait(self, process: psutil.Process, moment: Callable[[], Any], most: float = 60.0) -> Any:
        """What `moment` gives once it gives anything; None where the process ends before."""
        deadline = time.monotonic() + most
        while time.monotonic() < deadline and alive(process):
            self.watch(process)
            found = moment()
            if found:
                return found
            time.sleep(0.02)
        return None

    def sleep(self, process: psutil.Process, seconds: float) -> None:
        """Wait for so long, unless the process ends before."""
        deadline = time.monotonic() + seconds
        self.wait(process, lambda: time.monotonic() >= deadline, seconds + 1)

    def watch(self, process: psutil.Process) -> None:
        """Remember what it has started, so that nothing of it may live on."""
        with contextlib.suppress(psutil.Error):
            self.family |= {child.pid for child in process.children(recursive=True)}

    def made(self, asset: str) -> int:
        """How often an asset became current."""
        path = self.home / JOURNAL
        text = path.read_text() if path.exists() else ""
        return text.count(f'"asset":"{asset}"')


def job(process: psutil.Process, without: Collection[int] = frozenset()) -> psutil.Process | None:
    """A training or evaluation job of a command: it leads a session of its own."""
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        for child in process.children(recursive=True):
            if os.getsid(child.pid) == child.pid and child.pid not in without:
                return child
    return None


def dbt(bench: Bench) -> psutil.Process | None:
    """The dbt command that runs at the moment: see `warm.dbt`."""
    with contextlib.suppress(psutil.Error):
        server = psutil.Process(bench.driver().dbt)
        return next(iter(server.children()), None)
    return None


def send(process: psutil.Process | None, number: signal.Signals) -> bool:
    """Whether the process was there to be signalled."""
    if process is None:
        return False
    with contextlib.suppress(ProcessLookupError, psutil.Error):
        os.kill(process.pid, number)
        return True
    return False


def alive(process: psutil.Process) -> bool:
    """Whether it runs, and is not only waited for."""
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


WORDS = [
    "harbour",
    "library",
    "bakery",
    "station",
    "garden",
    "museum",
    "clinic",
    "market",
    "mended",
    "told",
    "shared",
    "hid",
    "swept",
    "gate",
    "bread",
    "key",
    "floor",
    "lamp",
    "river",
    "stone",
    "early",
    "late",
    "quiet",
    "warm",
    "seldom",
    "often",
]
