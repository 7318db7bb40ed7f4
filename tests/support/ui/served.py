"""`alignment ui` for a test: on ports of its own, over a home of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil

from alignment_dagster.foundation.page_links import HOST, PORT_VARIABLE
from tests.support.audited_study import Audited

ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LONGEST = 600.0
"""Seconds that a run may take."""


@dataclass(frozen=True)
class Served:
    """The three addresses, and what is behind them."""

    made: Audited
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def dagster(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def mlflow(self) -> str:
        return f"http://{HOST}:{self.port + 1}"

    @property
    def audit(self) -> str:
        return f"http://{HOST}:{self.port + 2}"

    def ask(self, query: str) -> dict[str, Any]:
        """Dagster's answer to a GraphQL query."""
        request = urllib.request.Request(
            f"{self.dagster}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)["data"]
        return found

    def status(self, run: str) -> str:
        query = f'{{runOrError(runId: "{run}") {{... on Run {{status}}}}}}'
        return str(self.ask(query)["runOrError"]["status"])

    def wait(self, run: str) -> str:
        """The status that a run ends with."""
        deadline = time.monotonic() + LONGEST
        while (status := self.status(run)) not in ENDED:
            assert time.monotonic() < deadline, status
            time.sleep(1.0)
        return status

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """What Dagster keeps, past its server."""
        with dg.DagsterInstance.from_config(str(self.made.home.dagster)) as opened:
            yield opened

    def trainers(self) -> list[int]:
        """The process groups of the jobs below this server, each forked from a warm template."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [one.pid for one in family if _is_job(one)]


def _is_job(process: psutil.Process) -> bool:
    try:
        return (
            "forkserver" in " ".join(process.cmdline()) and os.getpgid(process.pid) == process.pid
        )
    except (psutil.Error, ProcessLookupError):
        return False


def _free_ports() -> int:
    """The first of three in a row that nobody listens on."""
    for first in range(17_310, 18_310, 10):
        with socket.socket() as a, socket.socket() as b, socket.socket() as c:
            try:
                for place, probe in enumerate((a, b, c)):
                    probe.bind((HOST, first + place))
            except OSError:
                continue
            return first
    raise AssertionError("no three free ports")


@contextmanager
def serve(made: Audited, log: Path) -> Iterator[Served]:
    """Start the servers, and end them whatever happens."""
    first = _free_ports()
    command = [str(Path(sys.executable).parent / "alignment"), "ui"]
    environment = {**made.environment, PORT_VARIABLE: str(first)}
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    try:
        deadline = time.monotonic() + 300
        while "Audit:" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield Served(made, first, process)
    finally:
        left: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):  # a test ended it
            left = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        for one in psutil.wait_procs(left, timeout=5)[1]:
            os.kill(one.pid, signal.SIGKILL)
