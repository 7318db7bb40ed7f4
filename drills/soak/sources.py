"""Sources that change while they are read, or vanish."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from drills.soak.ends import ends_well, tail
from drills.soak.scene import SOURCE, Scene

MANY = 3000
"""Rows that take a while to be read and scored."""
EVERY_SECONDS = 0.05
Act = Callable[[Scene], str]


def _changes(scene: Scene, operation: str) -> str:
    """Somebody goes on writing to a source while it is read."""
    scene.edit(MANY)
    with _writer(scene) as written:
        code = scene.do(operation)
    scene.codes.append(code)
    ends_well(scene, operation)
    return f"{len(written)} rows written meanwhile, exit {code}"


@contextmanager
def _writer(scene: Scene) -> Iterator[list[int]]:
    path = scene.place.study.data / f"{SOURCE}.jsonl"
    stop, written = threading.Event(), []

    def write() -> None:
        while not stop.wait(EVERY_SECONDS):
            with path.open("a") as lines:
                lines.write(json.dumps({"text": f"Written meanwhile {len(written)}."}) + "\n")
            written.append(len(written))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


def _vanishes(scene: Scene, operation: str) -> str:
    """A source's file is gone for the length of a run, and comes back."""
    scene.edit()
    path = scene.place.study.data / f"{SOURCE}.jsonl"
    aside = path.with_suffix(".gone")
    after = scene.draw.choice((0.0, scene.draw.uniform(0.0, 2.0)))
    process = scene.start(operation)
    scene.sleep(process, after)
    path.rename(aside)
    code = scene.end()
    said = scene.said()
    aside.rename(path)
    if "Traceback" in said:
        scene.wrong.append(f"a traceback is shown: {tail(scene, 3)}")
    if code != 0 and operation == "run" and path.name not in said:
        scene.wrong.append(f"the message does not name the file: {tail(scene, 2)}")
    ends_well(scene, operation)
    return f"after {after:.1f} s, exit {code}"


def kinds() -> dict[str, Act]:
    """Name → what does it."""
    found: dict[str, Act] = {}
    for operation in ("run", "night"):
        found[f"a source changes in a {operation}"] = partial(_changes, operation=operation)
        found[f"a source vanishes in a {operation}"] = partial(_vanishes, operation=operation)
    return found
