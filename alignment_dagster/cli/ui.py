"""`alignment ui`: the pages of Dagster, MLflow and the audit, on the loopback interface only."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home, workspace_file
from alignment_dagster.foundation.page_links import (
    AUDIT,
    AUDIT_PORT,
    DAGSTER,
    DAGSTER_PORT,
    HOST,
    MLFLOW,
    MLFLOW_PORT,
)

GRACE_SECONDS = 15
PORTS = {"Dagster": DAGSTER_PORT, "MLflow": MLFLOW_PORT, "the audit": AUDIT_PORT}


def ui() -> None:
    """Serve the pages of Dagster, MLflow and the audit on 127.0.0.1 until Ctrl-C."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.graph.instance import prepare_home

    home = Home.from_environment()
    prepare_home(home)
    home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    for name, port in PORTS.items():
        _check_free(name, port)
    processes = [_start(command, home) for command in (_dagster(), _mlflow(home), _audit())]
    try:
        _wait_until_open(processes)
        print(f"Dagster: {DAGSTER}\nMLflow:  {MLFLOW}\nAudit:   {AUDIT}")
        print("Ctrl-C ends all three.", flush=True)
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        raise AlignmentError("a server ended by itself; its messages are above")
    finally:
        _end(processes)


def _executable(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _dagster() -> list[str]:
    return [
        _executable("dagster"), "dev", "-w", str(workspace_file()),
        "-h", HOST, "-p", str(DAGSTER_PORT), "--log-level", "warning",
    ]  # fmt: skip


def _mlflow(home: Home) -> list[str]:
    return [
        _executable("mlflow"), "server",
        "--artifacts-destination", home.mlflow_artifacts.as_uri(),
        "--host", HOST, "--port", str(MLFLOW_PORT), "--workers", "1",
    ]  # fmt: skip


def _audit() -> list[str]:
    return [sys.executable, "-m", "alignment_dagster.audit.pages.server"]


def _start(command: list[str], home: Home) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "GIT_PYTHON_REFRESH": "quiet",
        # Not an argument: everyone on the machine sees those, and it may hold a password.
        "MLFLOW_BACKEND_STORE_URI": home.mlflow_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return subprocess.Popen(command, cwd=home.root, env=environment, start_new_session=True)


def _check_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            message = f"port {port} of {HOST} is taken: is {name} running already?"
            raise AlignmentError(message) from None


def _wait_until_open(processes: "list[subprocess.Popen[bytes]]") -> None:
    for port in PORTS.values():
        while all(process.poll() is None for process in processes):
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex((HOST, port)) == 0:
                    break
            time.sleep(0.3)


def _end(processes: "list[subprocess.Popen[bytes]]") -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
