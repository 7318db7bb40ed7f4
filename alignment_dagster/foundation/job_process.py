"""Starting heavy jobs: each in a process and process group of its own, from a warm template.

Importing torch and transformers takes seconds. A `forkserver` imports them once; every job is a
child forked from it, so jobs start at once and still crash, and are ended, alone.
"""

import contextlib
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from alignment_dagster.foundation.databases import FULL
from alignment_dagster.foundation.errors import AlignmentError, OutOfMemory
from alignment_dagster.foundation.job import ERROR, MEMORY, OUT_OF_MEMORY, USER_ERROR

PRELOADED = ["alignment_dagster.training.preload"]
GRACE_SECONDS = 10.0
LOG = "job.log"


@dataclass(frozen=True)
class Command:
    """A job module's `main`, its configuration file, and where its output goes."""

    module: str
    config: Path
    work: Path
    environment: Mapping[str, str]
    ranks: int = 1
    """Where there are several, the module has a `run_rank`, too."""


_context = multiprocessing.get_context("forkserver")


def warm_up() -> None:
    """Start the template process, so that the first job does not wait for imports."""
    _context.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


def run(command: Command, poll: Callable[[], None] = lambda: None) -> None:
    """Run a job to its end, calling `poll` about twice a second.

    If this is interrupted, the job's whole process group is ended: SIGINT, then SIGKILL.

    Raises:
        OutOfMemory: if memory did not suffice, or a process was killed, as for lack of it.
        AlignmentError: the job's own message, or how it ended and where its log is.
    """
    warm_up()
    command.work.mkdir(parents=True, exist_ok=True)
    for name in (ERROR, MEMORY):
        (command.work / name).unlink(missing_ok=True)
    process = _context.Process(target=_child, args=(command,), name=command.module)
    process.start()
    try:
        while process.is_alive():
            process.join(0.5)
            poll()
        poll()
    except BaseException:
        end(process)
        raise
    if process.exitcode != 0:
        raise failure(command, process.exitcode or 1)


def end(process: ForkServerProcess) -> None:
    """End a job's process group: SIGINT first, SIGKILL for what is left after the grace time."""
    _signal(process, signal.SIGINT)
    process.join(GRACE_SECONDS)
    _signal(process, signal.SIGKILL)
    process.join(GRACE_SECONDS)


def _signal(process: ForkServerProcess, number: signal.Signals) -> None:
    if process.pid is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    if process.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def failure(command: Command, code: int, how: str = "") -> AlignmentError:
    """What is said of a job that ended with another exit code than 0.

    Args:
        how: it ended, where that is known better than by its code, which is negative for a signal.
    """
    message, memory = command.work / ERROR, command.work / MEMORY
    noted = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    if code in (USER_ERROR, OUT_OF_MEMORY) and message.exists():
        said = message.read_text(encoding="utf-8")
        short = code == OUT_OF_MEMORY
        return OutOfMemory(said, noted.get("setting", "")) if short else AlignmentError(said)
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    how = how or ended
    if shutil.disk_usage(command.work).free < FULL:
        how = f"{how}: the disk is full"
    log = command.work / LOG
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
    told = "\n".join([f"{command.module} {how}; its log is {log}", *tail])
    if code != -signal.SIGKILL or not noted:
        return AlignmentError(told)
    return OutOfMemory(f"{killed_advice(noted['advice'])}\n{told}", noted["setting"])


def killed_advice(advice: str) -> str:
    """What to say of a process that was killed: only the system's own log says why."""
    return f"a process was killed, as the system does where memory does not suffice: then {advice}"


def _child(command: Command) -> None:
    """In the forked process: own group, own log, the job's environment, then the job's `main`."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(command.work / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(command.environment)
    threading.Thread(target=die_with_parent, args=(os.killpg,), daemon=True).start()
    try:
        code = importlib.import_module(command.module).main([str(command.config)])
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


def die_with_parent(kill: Callable[[int, int], None]) -> None:
    """Wait for the end of the process that started this one, then stop, and be killed at last.

    Args:
        kill: `os.killpg` where this process leads a group, else `os.kill`.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    kill(os.getpid(), signal.SIGKILL)
