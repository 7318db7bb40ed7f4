"""A job elsewhere: both ends see the same folders, and neither outlives the other for long."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alignment_dagster.engines import launch
from alignment_dagster.engines.launch import ANSWER, LAUNCH, Launch, answer, launched, read_launch
from alignment_dagster.foundation.errors import AlignmentError

MODULE = "alignment_dagster.engines.launched"
JOB = "import time\n\ndef main(argv):\n    print('begun', flush=True)\n    time.sleep(60)\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(launch, "SIGHT_SECONDS", 0.5)


def test_who_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    with launched(tmp_path, []) as token:
        with pytest.raises(AlignmentError, match=r"does not see .*elsewhere: the home has to be"):
            answer(tmp_path / "elsewhere", token)
        with pytest.raises(AlignmentError, match="does not see"):
            answer(tmp_path, "another token")
    with (
        launched(tmp_path, [tmp_path / "lake"]) as token,
        pytest.raises(AlignmentError, match=r"does not see .*lake: the home has to be"),
    ):
        answer(tmp_path, token)


def test_a_job_that_is_not_seen_does_not_begin(tmp_path: Path) -> None:
    Launch("token", []).write(tmp_path)  # and nobody reads the answer
    with pytest.raises(AlignmentError, match=r"what .* writes into .* is not seen elsewhere"):
        answer(tmp_path, "token")


def test_both_see_each_other_and_nothing_is_left(tmp_path: Path) -> None:
    with launched(tmp_path, [tmp_path]) as token:
        answered = threading.Thread(target=answer, args=(tmp_path, token))
        answered.start()
        answered.join(5)
        said = read_launch(tmp_path)
        assert said is not None
        assert said.answered
        assert (tmp_path / ANSWER).exists()
    assert not list(tmp_path.iterdir())


@contextmanager
def begun(work: Path) -> Iterator["subprocess.Popen[str]"]:
    """A job that runs for a minute, whose starter says nothing any more."""
    (work / "minute_job.py").write_text(JOB)
    with launched(work, []) as token:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(work), token, "minute_job", "-"],
            env={"PYTHONPATH": f"{work}:{Path.cwd()}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_job_ends_when_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PATIENCE_SECONDS", 1.0)
    with begun(tmp_path) as process:
        assert process.wait(10) == 130


def test_a_job_ends_when_another_has_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PATIENCE_SECONDS", 8.0)
    with begun(tmp_path) as process:
        Launch("another", []).write(tmp_path)
        started = time.monotonic()
        assert process.wait(10) == 130
        assert time.monotonic() - started < 6
    assert (tmp_path / LAUNCH).exists()
