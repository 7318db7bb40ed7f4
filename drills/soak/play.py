"""Plays injections on benches side by side, and says of each how it ended."""

import random
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from drills.soak.bench import Bench, Skip
from drills.soak.scene import Scene
from drills.soak.table import Injection

NAME_WIDTH = 42


@dataclass
class Played:
    """How an injection ended."""

    injection: Injection
    seconds: float
    outcome: str
    wrong: list[str] = field(default_factory=list)
    skipped: bool = False
    kept: Path | None = None

    def line(self) -> str:
        """Number, what, seconds, outcome."""
        state = "skipped" if self.skipped else "FAILED" if self.wrong else "ok"
        begun = f"{self.injection.number:4} {self.injection.name:{NAME_WIDTH}}"
        return f"{begun} {self.seconds:5.0f} s  {state:7} {self.outcome}"


def play(bench: Bench, injection: Injection) -> Played:
    """One injection, from a fresh home to how it ended."""
    begun = time.monotonic()
    played = Played(injection, 0.0, "")
    scene = Scene(bench, random.Random(injection.seed))
    try:
        if bench.services is None or not injection.served:
            bench.begin()
        played.outcome = injection.act(scene)
        played.wrong = scene.wrong
    except Skip as reason:
        played.skipped, played.outcome = True, str(reason)
    except Exception:
        played.wrong = [*scene.wrong, traceback.format_exc()]
    played.seconds = time.monotonic() - begun
    if played.wrong:
        played.kept = bench.keep(f"failed-{injection.number}")
        bench.start_anew()
    bench.unmount()
    return played


def _shared(
    injections: Iterator[Injection], lock: "threading.Lock", until: float
) -> Iterator[Injection]:
    """What several threads take turns at, as long as there is time."""
    while time.monotonic() < until:
        with lock:
            found = next(injections, None)
        if found is None:
            return
        yield found


def play_all(injections: Sequence[Injection], benches: list[Bench], until: float) -> list[Played]:
    """All of them, one bench each at a time; a line is printed as each one ends.

    The first bench begins with those that go on in one home, where Dagster's processes run.

    Args:
        until: by `time.monotonic`, when no other one is begun.
    """
    served = [one for one in injections if one.served]
    others = iter([one for one in injections if not one.served])
    done: list[Played] = []
    lock = threading.Lock()

    def work(bench: Bench) -> None:
        for injection in chain(served if bench is benches[0] else (), _shared(others, lock, until)):
            played = play(bench, injection)
            print(played.line(), flush=True)
            for wrong in played.wrong:
                print(f"       {wrong}", flush=True)
            done.append(played)

    threads = [threading.Thread(target=work, args=(bench,), daemon=True) for bench in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(done, key=lambda one: one.injection.number)
