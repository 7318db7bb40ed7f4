"""The job that brings a whole study up to date: it fails with its reason, and ends when told to."""

import signal
import subprocess
import sys
import time

import dagster as dg
import psutil
import pytest

from alignment_dagster.defs.whole_study import Options, run_whole_study
from tests.support.tiny_study import TinyStudy

RUN = """
import signal
import dagster as dg
from alignment_dagster.defs.whole_study import Options, run_whole_study
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where tests run
run_whole_study(dg.build_op_context(), "tiny", Options())
"""
pytestmark = pytest.mark.slow


def test_a_mistake_is_the_reason_of_the_failure(tiny: TinyStudy) -> None:
    with pytest.raises(dg.Failure, match="--recipe nothing: unknown") as told:
        run_whole_study(dg.build_op_context(), "tiny", Options(recipes=("nothing",)))
    assert told.value.allow_retries is False


def test_what_it_started_ends_when_it_is_interrupted(tiny: TinyStudy) -> None:
    process = subprocess.Popen([sys.executable, "-c", RUN], start_new_session=True)
    lock, deadline = tiny.assets.parent / "home" / "tiny.lock", time.monotonic() + 120
    while not lock.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(180) != 0
    assert started
    assert not [one for one in started if one.is_running() and one.status() != "zombie"]
