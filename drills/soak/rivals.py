"""Two who do the same at once, and a person who holds the warehouse open."""

import time
from collections.abc import Callable
from functools import partial

import duckdb

from drills.soak.ends import ends_well, tail
from drills.soak.scene import Scene

Act = Callable[[Scene], str]


def _both(scene: Scene, first: str, second: str) -> str:
    """Two commands begin within two seconds of each other."""
    scene.bench.driver(1)
    scene.edit()
    one = scene.start(first)
    scene.sleep(one, scene.draw.uniform(0.0, 2.0))
    scene.start(second, driver=1)
    codes = scene.end(1), scene.end()
    said = scene.said()
    refused = "is being run by process" in said
    if first == second == "run" and codes[1] == 0 and codes[0] != 0 and not refused:
        scene.wrong.append(f"the second one is refused without a clear message: {tail(scene)}")
    if not any(code == 0 for code in codes):
        scene.wrong.append(f"none of the two came to its end: {codes}, {tail(scene, 6)}")
    if "Traceback" in said:
        scene.wrong.append(f"a traceback is shown: {tail(scene, 3)}")
    ends_well(scene, "run" if "run" in (first, second) else "night")
    return f"exits {codes[1]} and {codes[0]}" + (", one refused" if refused else "")


def _held(scene: Scene, operation: str) -> str:
    """A person has warehouse.duckdb open in a shell."""
    scene.edit()
    holder = duckdb.connect(str(scene.home / "warehouse.duckdb"))
    try:
        code = scene.do(operation)
    finally:
        holder.close()
    said = scene.said()
    if code == 0 or (operation == "run" and "is open in another process" not in said):
        scene.wrong.append(f"held open, and exit {code}: {tail(scene, 2)}")
    if "Traceback" in said:
        scene.wrong.append(f"a traceback is shown: {tail(scene, 3)}")
    ends_well(scene, operation)
    return f"exit {code}"


def _held_a_while(scene: Scene) -> str:
    """A person opens it for a moment while a run goes on."""
    scene.edit()
    process = scene.start("run")
    scene.sleep(process, scene.draw.uniform(0.0, 4.0))
    try:
        holder = duckdb.connect(str(scene.home / "warehouse.duckdb"))
        time.sleep(scene.draw.uniform(0.1, 2.0))
        holder.close()
    except duckdb.Error:
        pass  # dbt has it: the person is refused
    code = scene.end()
    ends_well(scene)
    return f"exit {code}"


def kinds() -> dict[str, Act]:
    """Name → what does it."""
    return {
        "two refreshes at once": partial(_both, first="night", second="night"),
        "two runs at once": partial(_both, first="run", second="run"),
        "a run and a refresh at once": partial(_both, first="run", second="night"),
        "the warehouse held open in a run": partial(_held, operation="run"),
        "the warehouse held open in a night": partial(_held, operation="night"),
        "the warehouse held open for a moment": _held_a_while,
    }
