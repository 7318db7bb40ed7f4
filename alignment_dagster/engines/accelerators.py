"""The accelerators of this machine: each is held by one job at a time, whoever starts it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.locks import file_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
QUEUE = "accelerators.lock"
POLL_SECONDS = 0.5


@contextmanager
def held_accelerators(
    home: Path, there: int | None, wanted: int, check: Callable[[], None]
) -> Iterator[Mapping[str, str]]:
    """Wait until a job has accelerators of its own, the first that asks being the first served.

    Args:
        home: the folder whose processes share them.
        there: how many; None where each job has all of them.
        wanted: for how many the job has work.
        check: called about twice a second; what it raises ends the waiting.

    Yields:
        Variables that show the job its own alone.

    Raises:
        AlignmentError: if this process does not see so many.
    """
    if there is not None:
        wanted = shared_by(wanted, there)
    names = [home / f"accelerator-{number}.lock" for number in range(there or 1)]
    with ExitStack() as held:
        taken: list[int] = []
        with ExitStack() as queue:
            while not _enter(queue, home / QUEUE):
                check()
                time.sleep(POLL_SECONDS)
            while len(taken) < (wanted if there else 1):
                free = (one for one in range(len(names)) if one not in taken)
                found = next((one for one in free if _enter(held, names[one])), None)
                if found is not None:
                    taken.append(found)
                    continue
                check()
                time.sleep(POLL_SECONDS)
        yield {} if there is None else {VISIBLE: _visible(taken)}


def shared_by(ranks: int, there: int) -> int:
    """The most processes that compute equally many ranks' parts, each on an accelerator."""
    return max(one for one in range(1, min(ranks, there) + 1) if ranks % one == 0)


def _enter(held: ExitStack, path: Path) -> bool:
    """Whether the lock was free; it is held until the stack's end."""
    try:
        held.enter_context(file_lock(path, wait=False))
    except BlockingIOError:
        return False
    return True


def _visible(numbers: list[int]) -> str:
    """Of those that this process sees, where the environment says so."""
    seen = os.environ.get(VISIBLE)
    names = seen.split(",") if seen else [str(number) for number in range(max(numbers) + 1)]
    try:
        return ",".join(names[number] for number in numbers)
    except IndexError:
        raise AlignmentError(
            f"placement.yaml: gpus: {max(numbers) + 1} are more than {VISIBLE}={seen} shows"
        ) from None
