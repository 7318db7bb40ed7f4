"""The job that brings a whole study up to date: it fails with its reason, and ends when told to."""

import os
import signal
import threading
import time

import dagster as dg
import psutil
import pytest
from tiny_study import TinyStudy

from alignment_dagster.running.whole_study import Options, run_whole_study

pytestmark = pytest.mark.slow


def test_a_mistake_is_the_reason_of_the_failure(tiny: TinyStudy) -> None:
    with pytest.raises(dg.Failure, match="--recipe nothing: unknown") as told:
        run_whole_study(dg.build_op_context(), "tiny", Options(recipes=("nothing",)))
    assert told.value.allow_retries is False


def test_what_it_started_ends_when_it_is_interrupted(tiny: TinyStudy) -> None:
    started: list[psutil.Process] = []
    watcher = threading.Thread(target=_interrupt, args=(started,))
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        run_whole_study(dg.build_op_context(), "tiny", Options())
    watcher.join()
    assert started
    assert not [one for one in started if one.is_running() and one.status() != "zombie"]


def _interrupt(started: list[psutil.Process]) -> None:
    """SIGINT to this process, as a cancelled run gets it, once the study is being run."""
    home = os.environ["ALIGNMENT_HOME"]
    while not os.path.exists(f"{home}/tiny.lock"):
        time.sleep(0.2)
    time.sleep(1)
    started += psutil.Process().children(recursive=True)
    os.kill(os.getpid(), signal.SIGINT)
