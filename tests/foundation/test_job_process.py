"""A job runs alone: its failures are told, and its end takes with it all that it started."""

import os
import signal
import time
from pathlib import Path

import pytest

from alignment_dagster.foundation import job_process
from alignment_dagster.foundation.errors import AlignmentError

JOB = """
import os, subprocess, sys, time
from pathlib import Path

def main(argv):
    mode = Path(argv[0]).read_text()
    work = Path(argv[0]).parent
    if mode == "user error":
        (work / "error.txt").write_text("stories.jsonl:3: text: not a string")
        return 3
    if mode == "crash":
        raise ValueError("the inner workings")
    if mode in ("killed", "killed for memory"):
        if mode != "killed":
            note = '{"setting": "pretraining.batch_size", "advice": "lower it from 8 to 4"}'
            (work / "memory.json").write_text(note)
        os.kill(os.getpid(), 9)
    if mode == "forever":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (work / "pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    (work / "pids").write_text(f"{os.getpid()} {os.getpgid(0)}")
    return 0
"""


@pytest.fixture(autouse=True)
def _light_template(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """These jobs need no torch; the job module is found through the work folder."""
    monkeypatch.setattr(job_process, "PRELOADED", [])
    (tmp_path / "example_job.py").write_text(JOB)
    monkeypatch.syspath_prepend(str(tmp_path))


def command(tmp_path: Path, mode: str) -> job_process.Command:
    work = tmp_path / "work"
    work.mkdir()
    (work / "config").write_text(mode)
    return job_process.Command("example_job", work / "config", work, {"EXAMPLE": "1"})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


def test_a_job_runs_in_a_process_group_of_its_own(tmp_path: Path) -> None:
    given = command(tmp_path, "fine")
    job_process.run(given)
    pid, group = map(int, (given.work / "pids").read_text().split())
    assert pid == group
    assert pid != os.getpid()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("user error", r"^stories.jsonl:3: text: not a string$"),
        ("crash", r"ended with exit code 1; its log is .*\n(.*\n)*.*the inner workings"),
        ("killed", r"^example_job was ended by signal 9; its log is"),
        (
            "killed for memory",
            r"^a process was killed, .* memory does not suffice: then lower it from 8 to 4\n"
            r"example_job was ended by signal 9; its log is",
        ),
    ],
)
def test_how_a_job_ended_is_told(tmp_path: Path, mode: str, said: str) -> None:
    with pytest.raises(AlignmentError, match=said):
        job_process.run(command(tmp_path, mode))


def test_stopping_a_job_ends_its_whole_group(tmp_path: Path) -> None:
    given = command(tmp_path, "forever")

    def stop() -> None:
        if (given.work / "pids").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job_process.run(given, stop)
    pids = [int(pid) for pid in (given.work / "pids").read_text().split()]
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    survivors = [pid for pid in pids if alive(pid)]
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert not survivors
