"""Whichever engine runs the tasks, the files are the same; what is killed is run again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from alignment_dagster.engines.local import WORKERS_VARIABLE
from alignment_dagster.engines.tasks import ENGINE_VARIABLE, run_tasks
from alignment_dagster.foundation.errors import AlignmentError, DataError
from tests.support.ray_cluster import two_workers

MANY = 10**6
T = TypeVar("T")


@dataclass(frozen=True)
class Square:
    """A number, and where its square is written."""

    number: int
    output: Path


def write_square(task: Square) -> int:
    """Slow enough that several are in work at a time."""
    if task.number < 0:
        raise DataError(f"{task.number}: is below 0")
    time.sleep(0.02)
    task.output.write_text(str(task.number**2))
    return task.number


def kill_once(task: Square) -> int:
    """Ends its own process the first time."""
    mark = task.output.with_suffix(".tried")
    if task.number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return write_square(task)


def tasks(folder: Path, *numbers: int) -> list[Square]:
    folder.mkdir(parents=True, exist_ok=True)
    return [Square(number, folder / str(number)) for number in numbers]


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir() if p.suffix != ".tried"}


@pytest.fixture(params=["1", "2"])
def local(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process alone, and two others."""
    monkeypatch.setenv(WORKERS_VARIABLE, request.param)


@pytest.mark.usefixtures("local")
def test_every_task_is_run_once_and_its_error_is_its_own(tmp_path: Path) -> None:
    polled: list[int] = []
    found = run_tasks(
        write_square, tasks(tmp_path, *range(8)), lambda: polled.append(1), documents=MANY
    )
    assert sorted(found) == list(range(8))
    assert contents(tmp_path) == {str(n): str(n * n) for n in range(8)}
    assert polled
    with pytest.raises(DataError, match=r"^-1: is below 0$"):
        list(run_tasks(write_square, tasks(tmp_path, 1, -1, 2), lambda: None, documents=MANY))


def test_a_process_that_is_killed_is_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, "2")
    with pytest.raises(AlignmentError, match=f"run again, or set {WORKERS_VARIABLE}=1"):
        list(run_tasks(kill_once, tasks(tmp_path, *range(6)), lambda: None, documents=MANY))
    assert sorted(
        run_tasks(kill_once, tasks(tmp_path, *range(6)), lambda: None, documents=MANY)
    ) == [*range(6)]


def test_an_unknown_engine_names_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "spark")
    with pytest.raises(AlignmentError, match=r"unknown engine 'spark' \(known: local, ray\)"):
        list(run_tasks(write_square, [], lambda: None, documents=MANY))


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    with two_workers() as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", found.address)
        patch.setenv(ENGINE_VARIABLE, "ray")
        yield found


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_in_the_middle_gives_the_same_files(
    tmp_path: Path, cluster: object
) -> None:
    found = run_tasks(kill_once, tasks(tmp_path / "ray", *range(24)), lambda: None, documents=MANY)
    done = [next(found)]
    worker = cluster.list_all_nodes()[-1]  # type: ignore[attr-defined]
    cluster.remove_node(worker, allow_graceful=False)  # type: ignore[attr-defined]
    done += found
    assert sorted(done) == list(range(24))
    assert contents(tmp_path / "ray") == {str(n): str(n * n) for n in range(24)}
    with pytest.raises(DataError, match=r"^-1: is below 0$"):
        list(
            run_tasks(write_square, tasks(tmp_path / "error", 1, -1), lambda: None, documents=MANY)
        )


def work_long(task: Square) -> int:
    """Says in which process, and would take a minute."""
    task.output.write_text(str(os.getpid()))
    time.sleep(60)
    return task.number


DRIVER = """
import signal, sys
from pathlib import Path
from alignment_dagster.engines.tasks import run_tasks
from tests.engines.test_engines import MANY, tasks, work_long
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where tests run
list(run_tasks(work_long, tasks(Path(sys.argv[1]), *range(4)), lambda: None, documents=MANY))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_run_that_is_terminated_leaves_no_work_on_the_cluster(tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    begun = wait_for(lambda: [one for one in tmp_path.iterdir() if one.stat().st_size])
    workers = [psutil.Process(int(one.read_text())) for one in begun]
    driver.send_signal(signal.SIGINT)  # what Dagster sends to a run that its page terminates
    assert driver.wait(90) != 0  # Ray takes its time where the machine is busy
    assert "KeyboardInterrupt" in driver.communicate()[1]
    wait_for(lambda: not any(one.is_running() for one in workers))
    assert {one.name for one in tmp_path.iterdir()} == {one.name for one in begun}


def wait_for(condition: Callable[[], T]) -> T:
    """What it is at last."""
    end = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
