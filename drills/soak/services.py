"""Signals to Dagster's own processes and to the runs that its daemon launched."""

import signal
import time
from collections.abc import Callable
from functools import partial

import psutil

from drills.soak.dagster_services import Services
from drills.soak.ends import FINISHED, ends_well
from drills.soak.scene import SOURCE, Scene, send

Act = Callable[[Scene], str]
LONGEST = 150.0
"""Seconds from the launch of a run to its end, on a slow machine."""
SERVED = "served: "
"""Begins the names of injections that go on in one home, where the three processes run."""
NAMES = ("code server", "webserver", "daemon")


def services(scene: Scene) -> Services:
    """Dagster's processes on this bench; started once."""
    found = scene.bench.services
    if found is None:
        # What follows by itself would go on in the background of every injection.
        scene.place.study.change(refresh=None)
        found = scene.bench.services = Services(scene.place)
        for name in NAMES:
            found.start(name)
    return found


def _wait_until_finished(scene: Scene, found: Services, run: str) -> str:
    """How a run ended; "" where it goes on for too long."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        status = found.statuses().get(run, "")
        if status in FINISHED:
            return status
        time.sleep(0.3)
    scene.wrong.append(f"run {run} is {found.statuses().get(run)} after {LONGEST:.0f} s")
    return ""


def _worker(found: Services) -> psutil.Process | None:
    """The process of the run that the code server has started last."""
    server = psutil.Process(found.processes["code server"].pid)
    workers = [
        child for child in server.children()
        if "spawn_main" in " ".join(child.cmdline())
    ]  # fmt: skip
    return workers[-1] if workers else None


def _to_worker(scene: Scene, number: signal.Signals) -> str:
    """The process of a run that the daemon launched."""
    found = services(scene)
    scene.edit()
    run = found.refresh(SOURCE)
    deadline = time.monotonic() + LONGEST
    worker = None
    while worker is None and time.monotonic() < deadline:
        time.sleep(0.05)
        worker = _worker(found)
    time.sleep(scene.draw.uniform(0.0, 8.0))
    there = send(worker, number)
    ended = _wait_until_finished(scene, found, run)
    return f"{ended}{_go_on(scene, found)}" + ("" if there else " (it had ended)")


def _to_service(scene: Scene, name: str, number: signal.Signals) -> str:
    """One of the three, while a run is queued or under way; then it is started again."""
    found = services(scene)
    scene.edit()
    run = found.refresh(SOURCE)
    time.sleep(scene.draw.uniform(0.0, 14.0))
    found.signal(name, number)
    time.sleep(scene.draw.uniform(0.0, 2.0))
    found.start(name)
    ended = _wait_until_finished(scene, found, run) if name != "code server" else ""
    return f"{ended}{_go_on(scene, found)}"


def _go_on(scene: Scene, found: Services) -> str:
    """The next refresh, launched as the first one was, and all that follows."""
    again = found.refresh(SOURCE)
    ended = _wait_until_finished(scene, found, again)
    if ended != "SUCCESS":
        scene.wrong.append(f"the next refresh ended as {ended}")
    ends_well(scene)
    return f", then {ended}"


def _two_backfills(scene: Scene) -> str:
    """Both read the same sources."""
    found = services(scene)
    scene.edit()
    sources = [SOURCE, "ai_news"]
    before = set(found.statuses())
    for _ in range(2):
        found.backfill(sources)
    deadline = time.monotonic() + 2 * LONGEST
    while time.monotonic() < deadline:
        new = {run: one for run, one in found.statuses().items() if run not in before}
        if len(new) >= 2 * len(sources) and all(one in FINISHED for one in new.values()):
            break
        time.sleep(0.5)
    failed = [one for one in new.values() if one != "SUCCESS"]
    if failed or len(new) < 2 * len(sources):
        scene.wrong.append(f"the backfills' runs: {new}")
    return f"{len(new)} runs{_go_on(scene, found)}"


def kinds() -> dict[str, Act]:
    """Name → what does it."""
    acts: dict[str, Act] = {}
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        acts[f"{SERVED}{number.name} to a run worker"] = partial(_to_worker, number=number)
        for name in NAMES[1:]:
            act = partial(_to_service, name=name, number=number)
            acts[f"{SERVED}{number.name} to the {name}"] = act
    killed = partial(_to_service, name="code server", number=signal.SIGKILL)
    acts[f"{SERVED}SIGKILL to the code server"] = killed
    acts[f"{SERVED}two backfills at once"] = _two_backfills
    return acts
