"""`alignment` without its start-up: forked from a process that has all imports.

Every command is still a process of its own, as the console script's are; what it imports, which
takes seconds, is there already.
"""

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import psutil

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
}
PLACE = "WARM_PROCESS"
"""Names, in the environment, the socket of a process that several share."""
LONGEST = 500.0
"""Seconds that a command may take."""
KILLED = 9


class Driver:
    """Starts each operation as a process of its own, from one that has all imports.

    Args:
        environment: what that one is started with.
        place: the socket of one that there is, and that several share.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = MappingProxyType({}),
        place: str | None = None,
    ) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._requests: IO[str]
        self._answers: IO[str]
        if place is not None:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(place)
                self._requests = connection.makefile("w")
                self._answers = connection.makefile("r")
        else:
            self._process = _start(environment)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._requests, self._answers = self._process.stdin, self._process.stdout
        self._last = 0
        served = self._answer()
        self._pid = int(served["pid"])
        self.dbt = int(served["dbt"])
        """Id of the process whose children are dbt's commands."""
        self.dbt_socket = Path(served["socket"])
        """Where it is asked for them."""
        self.mlflow = Path(served["mlflow"])
        """MLflow's database, with its tables and nothing in them."""

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; what it started has ended before."""
        self._requests.close()
        if self._process is None:
            self._answers.close()
        else:
            self._process.wait(60)

    def kill(self) -> None:
        """End it, with all that it started."""
        own = psutil.Process(self._pid)
        for process in [*own.children(recursive=True), own]:
            process.kill()
        if self._process is not None:
            self._process.wait(60)

    def start(
        self, operation: str, environment: Mapping[str, str], out: Path, err: Path, **what: Any
    ) -> int:
        """Begin an operation, others may be going on; its process id.

        Its output is added to the two files.
        """
        request = {
            "operation": operation,
            "arguments": what,
            "environment": {**os.environ, **QUIET, **environment},
            "folder": os.getcwd(),
            "stdout": str(out),
            "stderr": str(err),
        }
        self._last = int(self._ask(request)["pid"])
        return self._last

    def end(self, pid: int | None = None) -> int:
        """Wait for the end of one, or of what began last: the exit code, negative for a signal."""
        return int(self._ask({"awaited": self._last if pid is None else pid})["code"])

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the warm process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _start(environment: Mapping[str, str], *listener: str) -> "subprocess.Popen[str]":
    places = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    return subprocess.Popen(
        [sys.executable, "-m", "drills.warm.process", *listener],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(places), **environment},
        pass_fds=[int(one) for one in listener],
    )


def share() -> Callable[[], None]:
    """Let the processes that this one starts share one that has all imports; how that ends."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    os.environ[PLACE] = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.environ[PLACE])
        listener.listen()
        process = _start({}, str(listener.fileno()))

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
        shutil.rmtree(folder)

    return end


@cache
def shared() -> Driver:
    """The one of this process: started when it is first asked for, ended with the process."""
    driver = Driver(place=os.environ.get(PLACE))
    atexit.register(driver.close)
    return driver


def alignment(
    *arguments: str, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """`alignment` with these arguments, to its end."""
    driver = shared()
    with tempfile.TemporaryDirectory() as name:
        out, err = Path(name) / "out", Path(name) / "err"
        pid = driver.start("alignment", environment, out, err, arguments=list(arguments))
        timer = threading.Timer(LONGEST, os.kill, (pid, KILLED))
        timer.start()
        code = driver.end()
        timer.cancel()
        said = [one.read_text(errors="replace") for one in (out, err)]
    return subprocess.CompletedProcess(["alignment", *arguments], code, *said)
