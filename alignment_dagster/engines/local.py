"""Processes of this machine, as many as it has cores."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from alignment_dagster.engines.limits import usable_cores
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job_process import die_with_parent

NAME = "local"
WORKERS_VARIABLE = "ALIGNMENT_WORKERS"
POLL_SECONDS = 0.5

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], poll: Callable[[], None]
) -> Iterator[Result]:
    """As `tasks.run_tasks`; one task, or one worker, needs no other process started."""
    workers = min(worker_count(), len(tasks))
    if workers < 2:
        for task in tasks:
            poll()
            yield function(task)
        return
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_watch_parent) as pool:
        pending = {pool.submit(function, task) for task in tasks}
        try:
            while pending:
                done, pending = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
                poll()
                for one in done:
                    yield one.result()
        except BrokenProcessPool:
            message = "a process was ended from outside, as for lack of memory; what was finished"
            raise AlignmentError(
                f"{message} is kept: run again, or set {WORKERS_VARIABLE}=1"
            ) from None
        finally:
            # what runs already ends with its shard, and leaves nothing behind
            pool.shutdown(cancel_futures=True)


def worker_count() -> int:
    """`$ALIGNMENT_WORKERS`, or the cores that this process may use.

    Raises:
        AlignmentError: if it is no whole number above 0.
    """
    named = os.environ.get(WORKERS_VARIABLE)
    if named is None:
        return usable_cores()
    if not named.isdecimal() or int(named) < 1:
        raise AlignmentError(f"{WORKERS_VARIABLE}: expected a whole number above 0, got {named!r}")
    return int(named)


def _watch_parent() -> None:
    threading.Thread(target=die_with_parent, args=(os.kill,), daemon=True).start()
