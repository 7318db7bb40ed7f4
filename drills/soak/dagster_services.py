"""Dagster's webserver, daemon and code server on a home, as separate processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drills.place import Place
from drills.soak.endpoints import free_port
from drills.soak.ends import rows
from drills.warm import QUIET
from tests.support.checkout import CHECKOUT

START_SECONDS = 120.0
WORKSPACE = "load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: soak}}\n"
SELECTOR = {"repositoryLocationName": "soak", "repositoryName": "__repository__"}
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
VERSION = "{ version }"


@dataclass
class Services:
    """The three of them; each can be ended and started again."""

    place: Place
    code: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one and wait until it can be used."""
        workspace = self.place.folder / "workspace.yaml"
        workspace.write_text(WORKSPACE.format(port=self.code))
        log = (self.place.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [*self._command(name, str(workspace))],
            cwd=self.place.folder, env=self._environment(), stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        if name != "daemon":
            self._wait(name)

    def _command(self, name: str, workspace: str) -> list[str]:
        folder = Path(sys.executable).parent
        return {
            "code server": [
                str(folder / "dagster"), "api", "grpc", "-m", "alignment_dagster.definitions",
                "--host", "127.0.0.1", "--port", str(self.code), "--location-name", "soak",
            ],
            "webserver": [
                str(folder / "dagster-webserver"), "-w", workspace,
                "-h", "127.0.0.1", "-p", str(self.web),
            ],
            "daemon": [str(folder / "dagster-daemon"), "run", "-w", workspace],
        }[name]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        home = self.place.home
        return {
            **os.environ, **QUIET,
            "PYTHONPATH": str(CHECKOUT),
            "ALIGNMENT_ASSETS": str(self.place.study.assets),
            "ALIGNMENT_DATA": str(self.place.study.data),
            "ALIGNMENT_HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
        }  # fmt: skip

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, KeyError):
                if name == "webserver" and self.ask(VERSION, {}):
                    return
                if name == "code server" and _listens(self.code):
                    return
            if self.processes[name].poll() is not None:
                break
            time.sleep(0.3)
        raise RuntimeError(f"the {name} does not start: see {self.place.folder / name}.log")

    def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """A GraphQL query's data."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            told: dict[str, Any] = json.loads(answer.read())["data"]
            return told

    def refresh(self, source: str) -> str:
        """Launch "Refresh corpus" as a person does; the run's id.

        After the code server's return it takes the webserver a moment to see its jobs.
        """
        parameters = {
            "selector": {**SELECTOR, "jobName": "tiny_refresh_corpus"},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": source}]},
        }
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            told = self.ask(LAUNCH, {"p": parameters})["launchRun"]
            if "run" in told:
                return str(told["run"]["runId"])
            if told["__typename"] != "PipelineNotFoundError":
                break
            time.sleep(1)
        raise RuntimeError(f"the run is not launched: {told}")

    def backfill(self, sources: list[str]) -> str:
        """Launch a backfill over sources; its id."""
        assets = [{"path": ["tiny", name]} for name in ("raw_corpus", "scored_corpus")]
        params = {"assetSelection": assets, "partitionNames": sources, "tags": []}
        told = self.ask(BACKFILL, {"p": params})["launchPartitionBackfill"]
        if "backfillId" not in told:
            raise RuntimeError(f"the backfill is not launched: {told}")
        return str(told["backfillId"])

    def statuses(self) -> dict[str, str]:
        """Run id → status, of every run."""
        path = self.place.home / "dagster/history/runs.db"
        return {
            str(run): str(status) for run, status in rows(path, "select run_id, status from runs")
        }

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send it to one, and see that it ends."""
        process = self.processes[name]
        process.send_signal(number)
        try:
            process.wait(45)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise RuntimeError(f"the {name} does not end after {number.name}") from None

    def stop(self) -> None:
        """End all of them, and what they started."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
