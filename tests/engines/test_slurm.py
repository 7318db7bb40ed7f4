"""A job as a job of a real Slurm: its failures are told, and its end takes all with it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from alignment_dagster.engines import jobs, launch
from alignment_dagster.engines.launch import LAUNCH
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job_process import Command
from alignment_dagster.foundation.launchers import Slurm
from tests.support.slurm import one_node

pytestmark = pytest.mark.slow
SLURM = Slurm(kind="slurm")
JOB = """
import os, subprocess, sys, time
from pathlib import Path

def main(argv):
    mode, work = Path(argv[0]).read_text(), Path(argv[0]).parent
    if mode == "user error":
        (work / "error.txt").write_text("stories.jsonl:3: text: not a string")
        return 3
    if mode == "crash":
        raise ValueError("the inner workings")
    if mode == "killed":
        os.kill(os.getpid(), 9)
    if mode == "forever":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (work / "pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    (work / "job").write_text(os.environ["SLURM_JOB_ID"] + os.environ["EXAMPLE"])
    return 0
"""
STARTER = """
import sys
from pathlib import Path
from alignment_dagster.engines import jobs
from tests.engines.test_slurm import SLURM, command
jobs.run(command(Path(sys.argv[1]), "forever"), SLURM, [], lambda: None, print)
"""


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with one_node(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture
def work(tmp_path: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a job finds its module."""
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    monkeypatch.setattr(launch, "BEAT_SECONDS", 0.5)
    (tmp_path / "example_job.py").write_text(JOB)
    return tmp_path / "work"


def command(work: Path, mode: str) -> Command:
    work.mkdir(exist_ok=True)
    (work / "config").write_text(mode)
    return Command("example_job", work / "config", work, {"EXAMPLE": "!"})


def queue() -> str:
    words = ["squeue", "--noheader", "--format=%j"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_job_runs_where_slurm_says_and_leaves_nothing(work: Path) -> None:
    jobs.require_launcher(SLURM)
    jobs.run(command(work, "fine"), SLURM, [work], lambda: None, print)
    assert (work / "job").read_text()[-1] == "!"
    assert not (work / LAUNCH).exists()
    assert not queue()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("user error", r"^stories.jsonl:3: text: not a string$"),
        ("crash", r"ended with Slurm's state FAILED; its log is .*\n(.*\n)*.*inner workings"),
        ("killed", r"ended with Slurm's state FAILED;"),
    ],
)
def test_how_a_job_ended_is_told(work: Path, mode: str, said: str) -> None:
    with pytest.raises(AlignmentError, match=said):
        jobs.run(command(work, mode), SLURM, [], lambda: None, print)


def test_what_slurm_refuses_or_does_not_see_is_one_message(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Slurm(kind="slurm", partition="nowhere")
    with pytest.raises(AlignmentError, match=r"^Slurm: .*Invalid partition name specified$"):
        jobs.run(command(work, "fine"), nowhere, [], lambda: None, print)
    with pytest.raises(AlignmentError, match=r"^\S+ does not see /nowhere: the home has to be"):
        jobs.run(command(work, "fine"), SLURM, [Path("/nowhere")], lambda: None, print)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AlignmentError, match=r"^launcher slurm: there is no 'squeue' on this"):
        jobs.run(command(work, "fine"), SLURM, [], lambda: None, print)


def test_stopping_a_job_ends_all_of_it(work: Path) -> None:
    def stop() -> None:
        if (work / "pids").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs.run(command(work, "forever"), SLURM, [], stop, print)
    pids = [int(pid) for pid in (work / "pids").read_text().split()]
    assert not [pid for pid in pids if alive(pid)]
    assert not queue()


def test_one_that_waits_says_so_and_is_taken_out_of_the_queue(work: Path) -> None:
    waits = Slurm(kind="slurm", options=("--begin=now+1hour",))
    said: list[str] = []

    def stop() -> None:
        if said:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs.run(command(work, "fine"), waits, [], stop, said.append)
    assert "queued and waiting for resources" in said[0]
    assert not queue()


def test_what_a_killed_starter_left_ends_before_the_next_begins(work: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(work)])
    try:
        deadline = time.monotonic() + 30
        while not (work / "pids").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        starter.kill()
        starter.wait()
    pids = [int(pid) for pid in (work / "pids").read_text().split()]
    assert all(alive(pid) for pid in pids)
    jobs.run(command(work, "fine"), SLURM, [], lambda: None, print)
    assert not [pid for pid in pids if alive(pid)]
    assert not queue()
