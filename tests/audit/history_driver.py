"""A warm process that forks a fresh one for each operation on a study's home.

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
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import warm_dbt

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"

MISTAKE = 2
Answer = dict[str, Any]


def _imports() -> None:
    """All that the operations need; nothing that remembers a home."""
    import dbt.cli.main  # noqa: F401

    import alignment_dagster.audit.check
    import alignment_dagster.definitions
    import alignment_dagster.tracking
    import alignment_dagster.training.preload  # noqa: F401
    from alignment_dagster.running import runner
    from alignment_dagster.running.plan import WAVES

    assert runner
    for wave in WAVES:
        for step in wave:
            assert step.code_version  # remembered: the code stays as it is


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
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(names), encoding="utf-8")
    aside.rename(path)


def _template() -> None:
    """The process that training jobs are forked from: a fork of this one instead of a new start.

    Source: `multiprocessing.forkserver.ForkServer.ensure_running` of Python 3.11.
    """
    from multiprocessing import connection, forkserver

    address = connection.arbitrary_address("AF_UNIX")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    alive, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        forkserver.main(listener.fileno(), alive, [])
        os._exit(0)
    listener.close()
    os.close(alive)
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    server._forkserver_address = address
    server._forkserver_alive_fd = ours
    server._forkserver_pid = pid


def _run(
    study: str, recipes: list[str], seeds: list[int], first: Any, last: Any, workers: int
) -> int:
    from alignment_dagster.catalogue import load_study
    from alignment_dagster.home import assets_folder
    from alignment_dagster.running.plan import Selection
    from alignment_dagster.running.runner import run_study

    _template()
    selection = Selection(tuple(recipes), tuple(seeds), first, last)
    outcome = run_study(load_study(study, assets_folder()), selection, workers)
    return 1 if outcome.failures else 0


def _materialize(study: str, asset: str, partition: str) -> int:
    """`dagster asset materialize` from the command line."""
    from dagster._cli import create_dagster_cli

    from alignment_dagster.home import Home

    os.environ["DAGSTER_HOME"] = str(Home.from_environment().dagster)
    _template()
    select = ["--select", f'key:"{study}/{asset}"', "--partition", partition]
    module = ["-m", "alignment_dagster.definitions"]
    arguments = ["asset", "materialize", *module, *select]
    create_dagster_cli().main(arguments, standalone_mode=False)
    return 0


def _check(study: str, answer: str) -> int:
    """Gaps, changes, and whether a run would have anything to do."""
    from alignment_dagster.audit.archive import REPORT
    from alignment_dagster.audit.check import check_study
    from alignment_dagster.audit.opening import open_archive
    from alignment_dagster.catalogue import load_study
    from alignment_dagster.home import Home, assets_folder

    home = Home.from_environment()
    declared = load_study(study, assets_folder())
    if not any((home.lake / study).glob("*/*/*")) and "ALIGNMENT_LAKE" not in os.environ:
        nothing = {"gaps": [], "changes": [], "notes": [], "report": None, "current": False}
        Path(answer).write_text(json.dumps(nothing), encoding="utf-8")
        return 0  # nothing was made yet
    archive = open_archive(study, home)
    report = check_study(archive, home, study=declared)
    reports = [entry.version for entry in archive.journal if entry.asset == REPORT]
    told = {
        "gaps": [f"{gap.kind}: {gap.subject}: {gap.message}" for gap in report.gaps],
        "changes": [f"{change.subject}: {change.message}" for change in report.changes],
        "notes": list(report.notes),
        "report": reports[-1] if reports else None,
        "current": _current(declared, home),
    }
    Path(answer).write_text(json.dumps(told), encoding="utf-8")
    return 0


def _current(study: Any, home: Any) -> bool:
    """Whether `alignment run` would find that nothing has to run."""
    from alignment_dagster.errors import AlignmentError
    from alignment_dagster.lineage.lake import Lake
    from alignment_dagster.running.instance import open_instance
    from alignment_dagster.running.plan import Currency, Selection, waves

    with open_instance(home) as instance:
        currency = Currency(instance, Lake(home.lake), study)
        try:
            return not any(
                currency.remaining(task) for wave in waves(study, Selection()) for task in wave
            )
        except AlignmentError:
            return False  # a parent that was never made


OPERATIONS: dict[str, Callable[..., int]] = {
    "run": _run,
    "materialize": _materialize,
    "check": _check,
}


def _stop(_number: int, _frame: Any) -> None:
    sys.exit(128 + signal.SIGINT)


def _child(request: Answer, learned: Path) -> int:
    """As the console script does it: one operation, then the process ends."""
    from alignment_dagster.errors import AlignmentError

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        code = OPERATIONS[request["operation"]](**request["arguments"])
    except AlignmentError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except SystemExit as end:
        return int(end.code or 0)
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
    """Serve requests until standard input ends; each is answered with a pid, then a code."""
    _imports()
    folder = Path(tempfile.mkdtemp(prefix="histories-"))
    learned, dbt = folder / "modules.json", folder / "dbt"
    warm_dbt.serve(dbt)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        _learn(learned)
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            warm_dbt.use(dbt)
            _leave(_child(json.loads(line), learned))
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
