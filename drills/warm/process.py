"""A warm process that forks a fresh one for each command or operation on a study's home.

Every operation runs as its own process, as the console script's commands do: with caches of its
own, with the same handling of signals, and with a template process for training jobs. Only the
imports, which take seconds, are shared. Requests are lines of JSON on standard input.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, TextIO

from drills.warm import databases
from drills.warm import dbt as warm_dbt
from drills.warm import mlflow as warm_mlflow
from drills.warm.operations import OPERATIONS

MISTAKE = 2
Answer = dict[str, Any]


def _imports() -> None:
    """All that the operations and their training jobs need; nothing that remembers a home."""

    from alignment_dagster import definitions
    from alignment_dagster.lineage import mlflow_runs
    from alignment_dagster.running import runner
    from alignment_dagster.training import preload

    assert all((definitions, mlflow_runs, runner, preload))
    databases.keep()


def _learn(path: Path) -> None:
    """Import what an operation imported by itself, so that the next one need not."""
    if not path.exists():
        return
    for name in json.loads(path.read_text(encoding="utf-8")):
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    path.unlink()


def _teach(path: Path) -> None:
    names = [name for name in list(sys.modules) if not name.startswith("__")]
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(names), encoding="utf-8")
    aside.rename(path)


def _stop(_number: int, _frame: Any) -> None:
    sys.exit(128 + signal.SIGINT)


def _child(request: Answer, learned: Path) -> int:
    """As the console script does it: one operation, then the process ends."""
    from alignment_dagster.foundation.errors import AlignmentError

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(("stdout", "stderr"), 1):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    try:
        code = OPERATIONS[request["operation"]](**request["arguments"])
    except AlignmentError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except SystemExit as end:
        code = int(end.code or 0)
    _teach(learned)
    return code


def _leave(code: int) -> None:
    """End as the interpreter does, without taking down all modules one by one."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serve whoever started this; or, given a socket that listens, whoever connects to it."""
    if sys.argv[1:]:
        _share(socket.socket(fileno=int(sys.argv[1])))
        return
    _imports()
    services = _services()
    _serve(sys.stdin, sys.stdout, *services)
    _remove(services)


def _share(listener: socket.socket) -> None:
    """Fork a process for each that connects, until standard input ends.

    What takes seconds is done when the first one comes.
    """
    services: tuple[int, Path, Path] | None = None
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if services is None:
            _imports()
            services = _services()
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            gc.freeze()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            with connection.makefile("r") as requests, connection.makefile("w") as answers:
                _serve(requests, answers, *services)
            _leave(0)
        connection.close()
    if services is not None:
        _remove(services)


def _services() -> tuple[int, Path, Path]:
    """The id and the socket of the process that runs dbt, and MLflow's empty database."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    dbt, mlflow = folder / "dbt", folder / "mlflow.db"
    server = warm_dbt.serve(dbt)
    warm_mlflow.create(mlflow)
    return server, dbt, mlflow


def _remove(services: tuple[int, Path, Path]) -> None:
    shutil.rmtree(services[1].parent, ignore_errors=True)


def _serve(requests: TextIO, answers: TextIO, server: int, dbt: Path, mlflow: Path) -> None:
    """Serve requests until they end.

    An operation is answered with its pid, and who waits for a pid with its exit code.
    """
    learned = dbt.with_name(f"modules-{os.getpid()}.json")
    served = {"pid": os.getpid(), "dbt": server, "socket": str(dbt), "mlflow": str(mlflow)}
    print(json.dumps(served), file=answers, flush=True)
    for line in requests:
        request = json.loads(line)
        if "awaited" in request:
            _, status = os.waitpid(request["awaited"], 0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=answers, flush=True)
            continue
        _learn(learned)
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            warm_dbt.use(lambda: dbt)
            warm_mlflow.use(lambda: mlflow)
            _leave(_child(request, learned))
        print(json.dumps({"pid": pid}), file=answers, flush=True)


if __name__ == "__main__":
    main()
    _leave(0)
