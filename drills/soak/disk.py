"""A disk that is full at a chosen moment, a lake that cannot be written to, a clock set back."""

import time
from collections.abc import Callable
from functools import partial

import psutil

from alignment_dagster.foundation.home import Home
from drills.soak.ends import ends_well, tail
from drills.soak.scene import Scene, job

ROOM = 256 << 20
"""Bytes beside what the home holds, until the moment comes and after it."""
Act = Callable[[Scene], str]
Moment = Callable[[Scene, psutil.Process], object]


def _at_once(_scene: Scene, _process: psutil.Process) -> bool:
    return True


def _scoring(scene: Scene, _process: psutil.Process) -> bool:
    return bool(list((scene.home / "lake/.staging").glob("*")))


def _packing(scene: Scene, _process: psutil.Process) -> bool:
    """The tokenizer that the mixes wait for is there."""
    return scene.made("dispositions") > 1


def _checkpoint(_scene: Scene, process: psutil.Process) -> object:
    return job(process)


MOMENTS: dict[str, Moment] = {
    "the event log": _at_once,
    "scoring": _scoring,
    "packing": _packing,
    "a checkpoint": _checkpoint,
}


def _full(scene: Scene, moment: Moment) -> str:
    """Let the disk end where the home does, let the command end, make room again."""
    size = sum(path.lstat().st_size for path in scene.home.rglob("*") if path.is_file())
    scene.bench.mount(scene.home, size + ROOM)
    scene.edit()
    process = scene.start("run")
    scene.wait(process, lambda: moment(scene, process))
    time.sleep(scene.draw.uniform(0.0, 0.6))
    left = scene.draw.choice((0, 1 << 12, 1 << 16, 1 << 18))
    scene.bench.leave(scene.home, left)
    code = scene.end()
    said = tail(scene, 1)
    scene.bench.leave(scene.home, ROOM)
    _one_message(scene, code)
    ends_well(scene)
    return f"{left} bytes left, exit {code}: {said[:100]}"


def _one_message(scene: Scene, code: int) -> None:
    """What a person reads is no traceback."""
    if code != 0 and "Traceback" in scene.said():
        scene.wrong.append(f"a traceback is shown: {tail(scene, 3)}")


def _read_only(scene: Scene) -> str:
    """The lake's folder cannot be written to while a run wants to."""
    lake = Home(scene.home).lake
    scene.edit()
    scene.bench.bind(lake)
    code = scene.do("run")
    said = tail(scene, 1)
    scene.bench.unmount()
    if code == 0:
        scene.wrong.append("a run with a read-only lake said that it went well")
    _one_message(scene, code)
    ends_well(scene)
    return f"exit {code}: {said[:100]}"


def _set_back(scene: Scene, operation: str) -> str:
    """By minutes or a year, in the middle of a command; it stays so, or is put right after it."""
    by = scene.draw.choice((60, 3600, 365 * 86400))
    after = scene.draw.uniform(0.0, 3.0)
    stays = scene.draw.random() < 0.5
    scene.bench.set_back(0)  # skips where it cannot be set back
    scene.edit()
    scene.environment = scene.bench.clock.environment
    process = scene.start(operation)
    scene.sleep(process, after)
    scene.bench.set_back(by)
    code = scene.end()
    if code != 0:
        scene.wrong.append(f"with the clock set back it ended with {code}: {tail(scene)}")
    scene.bench.set_back(by if stays else 0)
    scene.edit()
    ends_well(scene, operation)
    return f"by {by} s after {after:.1f} s, exit {code}" + (", and so it stays" if stays else "")


def kinds() -> dict[str, Act]:
    """Name → what does it."""
    full = {f"disk full at {name}": partial(_full, moment=one) for name, one in MOMENTS.items()}
    clock = {
        f"clock set back in a {operation}": partial(_set_back, operation=operation)
        for operation in ("run", "night")
    }
    return {**full, "read-only lake": _read_only, **clock}
