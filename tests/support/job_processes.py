"""Jobs as processes: started anew, or forked from one that has the imports, as a study's are."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil
from pydantic import BaseModel

from alignment_dagster.foundation.job import PROGRESS, follow
from alignment_dagster.training.pretraining.checkpoint import PREFIX
from drills import warm

LONGEST = 120.0


class Process(Protocol):
    """What tests do with a job."""

    pid: int

    def poll(self) -> int | None: ...

    def kill(self) -> None: ...

    def send_signal(self, sig: int, /) -> None: ...

    def wait(self, timeout: float | None = None, /) -> int: ...


Start = Callable[[str, Path], Process]
"""A job's module and configuration → its process."""


class Forked:
    """A job that was forked; `wait` has to be called once."""

    def __init__(self, module: str, config: Path) -> None:
        log = config.with_suffix(".log")
        started = {"module": module, "config": str(config)}
        self.pid = warm.shared().start("job", {}, log, log, **started)
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is not None:
            return self._code
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:
                return None
        return self.wait()

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, sig: int, /) -> None:
        os.kill(self.pid, sig)

    def wait(self, timeout: float | None = None, /) -> int:
        """Its exit code, negative for a signal; it is killed when the time is over."""
        if self._code is None:
            timer = threading.Timer(timeout or LONGEST, self.kill)
            timer.start()
            self._code = warm.shared().end(self.pid)
            timer.cancel()
        return self._code


def write_config(job: BaseModel, work: str) -> Path:
    """Its configuration, beside its folder; what an earlier process said is gone."""
    config = Path(work).with_suffix(".json")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(job.model_dump_json())
    Path(work, PROGRESS).unlink(missing_ok=True)
    return config


def start_anew(module: str, config: Path) -> "subprocess.Popen[bytes]":
    """As one starts it by hand."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(config)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        start_new_session=True,
    )


def step_shown(work: str) -> int:
    """The last step that a job has told of."""
    told, _ = follow(Path(work), 0)
    return max((one.get("done", 0) for one in told), default=0)


def step_saved(work: str) -> int:
    """The step of a pretraining's newest checkpoint."""
    found = Path(work).glob(f"{PREFIX}*")
    return max((int(one.name.removeprefix(PREFIX)) for one in found), default=0)


def wait_until(process: Process, reached: Callable[[], bool]) -> None:
    """Until a job is where it is to be stopped."""
    deadline = time.monotonic() + LONGEST
    while not reached():
        assert process.poll() is None, "the job ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.005)
