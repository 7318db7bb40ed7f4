"""dbt's command, forked from a process that has parsed the project: a first parse takes seconds.

Half of them are imports, the others what dbt derives from its own classes and keeps.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.home import Home
from alignment_dagster.warehouse import dbt
from alignment_dagster.warehouse.paths import PROJECT, Warehouse

OUTPUTS = ("stdout", "stderr")
INTERRUPTED = 2
KILLED = -9


def serve(path: Path) -> int:
    """Fork a process that runs dbt for whoever connects to the socket at `path`; its id.

    It ends with the process that started it.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    parent = os.getpid()
    server = os.fork()
    if server == 0:
        _parse_once()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        listener.settimeout(1.0)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                _run(connection)
            connection.close()
        os._exit(0)
    listener.close()
    return server


def _parse_once() -> None:
    """The project, for a study that there is not.

    Not by dbt's static parser: what that starts does not outlive a fork.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from dbt.cli.main import cli

    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Home(Path(folder)), "none")
        os.environ.update(warehouse.environment)
        places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        with contextlib.suppress(SystemExit):
            cli(
                [
                    "--no-static-parser",
                    "parse",
                    *places,
                    "--target-path",
                    folder,
                    "--log-path",
                    folder,
                ]
            )
    gc.freeze()


def _run(connection: socket.socket) -> None:
    """One command in this process, then the answer."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    with connection.makefile("r") as lines:
        request = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, name in enumerate(OUTPUTS, 1):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = request["command"]
    from dbt.cli.main import cli

    code = INTERRUPTED
    try:
        cli(request["command"][1:])
    except SystemExit as end:
        code = int(end.code or 0)
    except KeyboardInterrupt:
        pass
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(json.dumps({"code": code, "pid": os.getpid()}).encode() + b"\n")
    os._exit(0)


def use(path: Callable[[], Path]) -> None:
    """Let the warehouse of this process run dbt there; asked for when it first does."""

    class Warm:
        """What `warehouse.dbt` uses of `subprocess`."""

        DEVNULL = subprocess.DEVNULL
        CompletedProcess = subprocess.CompletedProcess
        run: Callable[..., Any] = staticmethod(
            lambda command, **options: _ask(path(), command, options)
        )

    dbt.subprocess = Warm


def _ask(
    path: Path, command: list[str], options: dict[str, Any]
) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryDirectory() as name:
        outputs = {output: str(Path(name) / output) for output in OUTPUTS}
        request = {
            "command": command,
            "folder": str(options["cwd"]),
            "environment": dict(options["env"]),
            **outputs,
        }
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("r") as lines:
                line = lines.readline()
        answer = json.loads(line) if line else {"code": KILLED}
        if "pid" in answer:
            _wait_for_end(answer["pid"])
        said = [Path(outputs[output]) for output in OUTPUTS]
        texts = [one.read_text(errors="replace") if one.exists() else "" for one in said]
        return subprocess.CompletedProcess(command, answer["code"], *texts)


def _wait_for_end(pid: int) -> None:
    """Until it is gone: as long as it is there it has the warehouse open."""
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        select.select([process], [], [])
        os.close(process)
