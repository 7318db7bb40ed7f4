"""Signals to what runs in the foreground, and to what it starts, at random moments."""

import contextlib
import signal
import time
from collections.abc import Callable
from functools import partial

import psutil

from drills.soak.bench import RANKS
from drills.soak.ends import ends_well
from drills.soak.scene import SOURCE, Scene, dbt, job, send

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
Act = Callable[[Scene], str]


def _whole_run(scene: Scene, number: signal.Signals) -> str:
    """To `alignment run` itself."""
    scene.edit()
    return _at_a_moment(scene, number, "run", scene.draw.uniform(0.1, 9.0))


def _night(scene: Scene, number: signal.Signals) -> str:
    """To the process that runs what a tick asked for."""
    scene.edit()
    return _at_a_moment(scene, number, "night", scene.draw.uniform(0.1, 5.0))


def _materialize(scene: Scene, number: signal.Signals) -> str:
    """To `dagster asset materialize`."""
    scene.edit()
    process = scene.start("materialize", asset="raw_corpus", partition=SOURCE)
    return _stop(scene, process, number, scene.draw.uniform(0.1, 2.5), "night")


def _at_a_moment(scene: Scene, number: signal.Signals, operation: str, after: float) -> str:
    return _stop(scene, scene.start(operation), number, after, operation)


def _stop(
    scene: Scene, process: psutil.Process, number: signal.Signals, after: float, again: str
) -> str:
    scene.sleep(process, after)
    there = send(process, number)
    code = scene.end()
    ends_well(scene, again)
    return f"after {after:.1f} s, exit {code}" + ("" if there else " (it had ended)")


def _training(scene: Scene, number: signal.Signals) -> str:
    """To a training, post-training or evaluation job."""
    scene.edit()
    process = scene.start("run")
    skipped = scene.draw.randrange(4)
    seen: set[int] = set()
    found = scene.wait(process, lambda: _another(process, seen, skipped))
    time.sleep(scene.draw.uniform(0.0, 0.8))
    name = "a job"
    with contextlib.suppress(psutil.Error):
        name = f"job {len(seen)}"
    there = send(found, number)
    code = scene.end()
    ends_well(scene)
    return f"{name}, exit {code}" + ("" if there else " (it had ended)")


def _one_rank(scene: Scene, number: signal.Signals) -> str:
    """To one of the processes that share a pretraining."""
    scene.edit()
    process = scene.start("run")
    ranks = scene.wait(process, lambda: _ranks(process)) or []
    time.sleep(scene.draw.uniform(0.0, 0.1))
    which = scene.draw.randrange(RANKS)
    there = send(next(iter(ranks[which:]), None), number)
    code = scene.end()
    ends_well(scene)
    return f"rank {which}, exit {code}" + ("" if there else " (it had ended)")


def _ranks(process: psutil.Process) -> list[psutil.Process] | None:
    """All of them, once they are there."""
    with contextlib.suppress(psutil.Error):
        found = job(process)
        children = sorted(found.children(), key=lambda one: one.pid) if found else []
        return children if len(children) == RANKS else None
    return None


def _another(process: psutil.Process, seen: set[int], skipped: int) -> psutil.Process | None:
    """A job that is not among the first few."""
    found = job(process, seen if len(seen) < skipped else frozenset())
    if found is None or len(seen) >= skipped:
        return found
    seen.add(found.pid)
    return None


def _building(scene: Scene, number: signal.Signals) -> str:
    """To dbt in the middle of a build."""
    scene.edit()
    process = scene.start("run")
    found = scene.wait(process, lambda: dbt(scene.bench))
    time.sleep(scene.draw.uniform(0.0, 1.5))
    there = send(found, number)
    code = scene.end()
    ends_well(scene)
    return f"exit {code}" + ("" if there else " (it had ended)")


def _nightly_build(scene: Scene, number: signal.Signals) -> str:
    """To the night's process while dbt builds; dbt is left alone."""
    scene.edit()
    process = scene.start("night")
    scene.wait(process, lambda: dbt(scene.bench))
    time.sleep(scene.draw.uniform(0.0, 1.0))
    there = send(process, number)
    code = scene.end()
    ends_well(scene, "night", tries=2)
    return f"exit {code}" + ("" if there else " (it had ended)")


_TARGETS = {
    "alignment run": _whole_run,
    "a night's process": _night,
    "dagster asset materialize": _materialize,
    "a training job": _training,
    "a rank": _one_rank,
    "dbt": _building,
    "a night's process at dbt": _nightly_build,
}


def kinds() -> dict[str, Act]:
    """`SIGKILL to dbt` and so on → what does it."""
    return {
        f"{number.name} to {target}": partial(act, number=number)
        for target, act in _TARGETS.items()
        for number in SIGNALS
    }
