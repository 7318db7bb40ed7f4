"""`alignment ui`: the pages of Dagster, MLflow and the audit, on the loopback interface only."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import HOME_VARIABLE, Home
from alignment_dagster.foundation.page_links import (
    AUDIT,
    AUDIT_PORT,
    DAGSTER,
    DAGSTER_PORT,
    HOST,
    MLFLOW,
    MLFLOW_PORT,
    RECIPES_TAG,
    mlflow_recipes,
)

GRACE_SECONDS = 15
SHOWN_LINES = 20
"""Of the messages of a server that ended by itself."""
SERVERS = ("dagster", "mlflow", "audit")
"""Each a module beside this one, and each behind `foundation.request_guard`."""
PORTS = {"Dagster": DAGSTER_PORT, "MLflow": MLFLOW_PORT, "the audit": AUDIT_PORT}


@dataclass(frozen=True)
class _Server:
    """A server with the file that its messages go to."""

    process: "subprocess.Popen[bytes]"
    log: Path


def ui() -> None:
    """Serve the pages of Dagster, MLflow and the audit on 127.0.0.1 until Ctrl-C."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.placement import read_placement
    from alignment_dagster.graph.instance import open_instance, prepare_home, share_accelerators

    home = Home.from_environment()
    prepare_home(home)
    if (gpus := read_placement(home).gpus) is not None:
        with open_instance(home) as instance:
            share_accelerators(instance, gpus)
    home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    for name, port in PORTS.items():
        _check_free(name, port)
    servers: list[_Server] = []
    try:
        for name in SERVERS:
            command = [sys.executable, "-m", f"alignment_dagster.cli.{name}_server"]
            servers.append(_start(name, command, home))
        print(f"Starting three servers; Ctrl-C ends them. Their messages: {home.server_logs}")
        _wait_until_open(servers)
        print(f"Dagster: {DAGSTER}\nMLflow:  {_first_page()}\nAudit:   {AUDIT}", flush=True)
        while True:
            _check_alive(servers)
            time.sleep(0.5)
    finally:
        _end(servers)


def _first_page() -> str:
    """MLflow's page of the study that was evaluated last, where its recipes are compared."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        known = _ask_mlflow("experiments", {"max_results": 1000})["experiments"]
        introduced = [
            one["experiment_id"]
            for one in known
            if any(tag["key"] == RECIPES_TAG for tag in one.get("tags", ()))
        ]
        asked = {
            "experiment_ids": introduced,
            "filter": "tags.`alignment.asset` = 'evaluation'",
            "order_by": ["attributes.start_time DESC"],
            "max_results": 1,
        }
        last = _ask_mlflow("runs", asked)["runs"][0]
        return mlflow_recipes(last["info"]["experiment_id"])
    return MLFLOW


def _ask_mlflow(of: str, wanted: dict[str, Any]) -> dict[str, Any]:
    import urllib.request  # for weight, as above

    address = f"{MLFLOW}/api/2.0/mlflow/{of}/search"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(wanted).encode(), headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=GRACE_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _start(name: str, command: list[str], home: Home) -> _Server:
    environment = {
        **os.environ,
        HOME_VARIABLE: str(home.root),
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    log = home.server_logs / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as messages:
        process = subprocess.Popen(
            command,
            cwd=home.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return _Server(process, log)


def _check_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            message = f"port {port} of {HOST} is taken: is {name} running already?"
            raise AlignmentError(message) from None


def _wait_until_open(servers: list[_Server]) -> None:
    for port in PORTS.values():
        while True:
            _check_alive(servers)
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex((HOST, port)) == 0:
                    break
            time.sleep(0.3)


def _check_alive(servers: list[_Server]) -> None:
    for server in servers:
        if server.process.poll() is not None:
            lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
            last = "\n".join(lines[-SHOWN_LINES:])
            raise AlignmentError(f"{server.log.stem} ended by itself:\n{last}\n({server.log})")


def _end(servers: list[_Server]) -> None:
    # A second Ctrl-C would leave servers behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for server in servers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGINT)
    for server in servers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
