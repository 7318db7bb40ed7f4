"""How work is placed: a function and its tasks run in processes of this machine, or on a cluster.

An engine never decides what is made: whichever runs the tasks, the files are the same.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from alignment_dagster.engines import local, ray_data
from alignment_dagster.foundation.errors import AlignmentError

__all__ = ["ENGINE_VARIABLE", "run_tasks"]

ENGINE_VARIABLE = "ALIGNMENT_ENGINE"
WORTH_PROCESSES = 4096
"""Documents; for fewer, starting processes takes longer than it saves."""
ENGINES = {local.NAME: local, ray_data.NAME: ray_data}
Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    poll: Callable[[], None],
    *,
    documents: int,
) -> Iterator[Result]:
    """The results of a function for each task, as they are ready.

    Args:
        function: one of a module, which every process can import. It writes files where its task
            says, whole or not at all, so that a task that was run before may be run again.
        poll: called about twice a second; what it raises ends the work.
        documents: of all tasks; few are worth no other process.

    Raises:
        AlignmentError: the function's own, or what became of the process that ran it.
    """
    name = os.environ.get(ENGINE_VARIABLE, local.NAME)
    if name not in ENGINES:
        known = ", ".join(ENGINES)
        raise AlignmentError(f"{ENGINE_VARIABLE}: unknown engine {name!r} (known: {known})")
    if documents < WORTH_PROCESSES:
        for task in tasks:
            poll()
            yield function(task)
    elif tasks:
        yield from ENGINES[name].run_tasks(function, tasks, poll)
