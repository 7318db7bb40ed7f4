"""Fixtures for the whole suite: nothing reaches a hub, and every test has a home of its own.

Tests of the audit and of releases share a tiny study that was really run once.
"""

import fcntl
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.foundation import work_seals
from drills import warm
from drills.warm import databases
from drills.warm import dbt as warm_dbt
from drills.warm import mlflow as warm_mlflow
from tests.support import tiny_study
from tests.support.audited_study import Audited, refresh_audited, run_audited

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
MEMORY = Path("/dev/shm")
"""A file system in memory, where the machine has one."""
ROOM = 3 * 2**30
"""Bytes that have to be free of it; and of memory twice as many, for processes besides."""
# What test files import is there to stay: looking through it again and again costs seconds.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    """Workers share the imports of what they fork from: each of them would take many seconds.

    Homes are in memory where it has room: ext4 gives no inode of a deleted file away for minutes,
    and looks for each new file through all of them, which took ten times as long as the copy.
    """
    if _has_room():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        config.add_cleanup(warm.share())


def _has_room() -> bool:
    if not MEMORY.is_dir() or psutil.virtual_memory().available < 2 * ROOM:
        return False
    found = os.statvfs(MEMORY)
    runs_programs = not found.f_flag & os.ST_NOEXEC
    return runs_programs and found.f_bavail * found.f_frsize >= ROOM


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: no worker is left alone with one of them at the end.

    Of those that need the shared study one comes at once, and the others where it is made: what
    makes it is not waited for.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    shared = {item.path for item in items if "audited" in getattr(item, "fixturenames", ())}
    first = next((item.path for item in items if item.path in slow & shared), None)
    others_first = [item.path for item in items if item.path in slow - shared]
    places = {path: place for place, path in enumerate(dict.fromkeys([first, *others_first]))}
    items.sort(key=lambda item: (item.path not in slow, places.get(item.path, len(places))))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    """A study that is run within a test asks for dbt where its imports are, and copies MLflow's
    database; as the drills do."""
    warm_dbt.use(lambda: warm.shared().dbt_socket)
    warm_mlflow.use(lambda: warm.shared().mlflow)
    databases.keep()


@pytest.fixture(autouse=True)
def _no_key_of_another_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that makes artifacts seals with its home's key from then on; tests have many."""
    monkeypatch.setattr(work_seals, "_told", [])


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tiny_study.TinyStudy:
    """A small study, with the environment pointing at it and at an empty home."""
    study = tiny_study.create(tmp_path)
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(study.assets))
    monkeypatch.setenv("ALIGNMENT_DATA", str(study.data))
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    return study


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Not to be altered. By the console script itself."""
    return Audited(_made_once(tmp_path_factory, "audited", run_audited))


@pytest.fixture(scope="session")
def refreshed(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Not to be altered: the same after a change of a recipe."""
    make = partial(refresh_audited, audited)
    return Audited(_made_once(tmp_path_factory, "refreshed", make))


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Tests that run in several processes share the folder: the first one makes it."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


@pytest.fixture
def altered(audited: Audited, tmp_path: Path) -> Audited:
    """A copy that a test may alter."""
    return audited.copy(tmp_path / "altered")


@pytest.fixture(scope="session")
def opened(audited: Audited) -> Iterator[OpenedReport]:
    """The report with its closure and ledgers."""
    with open_report(audited.archive) as found:
        yield found
