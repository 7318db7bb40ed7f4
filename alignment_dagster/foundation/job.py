"""What a job process tells the world: progress lines, measured values, and one clear error."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    PipesContext,
    open_dagster_pipes,
)
from pydantic import BaseModel, ValidationError

from alignment_dagster.foundation.errors import AlignmentError, OutOfMemory
from alignment_dagster.foundation.jsonl import whole_lines

PROGRESS = "progress.jsonl"
RESULT = "result.json"
ERROR = "error.txt"
MEMORY = "memory.json"
"""Which declared field decides how much a job holds, and to what to lower it."""
USER_ERROR, OUT_OF_MEMORY = 3, 4
SECONDS_BETWEEN_LOG_LINES = 5.0
HELD_OUT_LOSS = "held_out_loss/"
"""What the loss on a source's held-out documents is called, before the source's name."""


AnyJob = TypeVar("AnyJob", bound=BaseModel)


class Progress:
    """Appends progress to `work/progress.jsonl`, where whoever started the job follows it."""

    def __init__(self, work: Path, pipes: PipesContext | None = None) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.work = work
        self._file = (work / PROGRESS).open("w", encoding="utf-8")
        self._pipes = pipes
        self._logged = 0.0

    def report(self, stage: str, done: int, total: int, unit: str, **values: float) -> None:
        """`done` of `total` units; `values` are logged as metrics of the step `done`."""
        self._write({"stage": stage, "done": done, "total": total, "unit": unit, "values": values})
        rare = done == total or any(name.startswith(HELD_OUT_LOSS) for name in values)
        if rare or time.monotonic() - self._logged > SECONDS_BETWEEN_LOG_LINES:
            self._logged = time.monotonic()
            shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            self._log(f"{stage}: {done:,} of {total:,} {unit}  {shown}")

    def say(self, text: str) -> None:
        """A line for a person."""
        self._write({"text": text})
        self._log(text)

    def note_memory(self, setting: str, advice: str) -> None:
        """What to lower where memory does not suffice: a process that is ended for it says nothing.

        Args:
            setting: the declared field, with dots.
        """
        noted = {"setting": setting, "advice": advice}
        (self.work / MEMORY).write_text(json.dumps(noted), encoding="utf-8")

    def result(self, **values: float | str) -> None:
        """What was measured while the job ran; it is recorded beside the artifact, not in it."""
        (self.work / RESULT).write_text(json.dumps(values, indent=1), encoding="utf-8")

    def _log(self, text: str) -> None:
        """To Dagster's event log under Pipes, to standard output by hand."""
        if self._pipes is not None:
            self._pipes.log.info(text)
        else:
            print(text, flush=True)

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps({"time": time.time(), **entry}) + "\n")
        self._file.flush()


class SilentProgress(Progress):
    """Of a process that leaves it to another to speak."""

    def __init__(self, work: Path) -> None:
        self.work = work

    def report(self, stage: str, done: int, total: int, unit: str, **values: float) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def note_memory(self, setting: str, advice: str) -> None:
        """Nothing."""

    def result(self, **values: float | str) -> None:
        """Nothing."""


def follow(work: Path, position: int) -> tuple[list[dict[str, Any]], int]:
    """The complete progress lines after byte `position`, and the position after them."""
    lines, position = whole_lines(work / PROGRESS, position)
    return [json.loads(line) for line in lines], position


def read_job(model: type[AnyJob], arguments: list[str]) -> AnyJob | None:
    """The job that the only argument's file describes; None after saying what is wrong with it."""
    if len(arguments) != 1:
        print("usage: python -m <module> CONFIG.json", file=sys.stderr)
        return None
    try:
        return model.model_validate_json(Path(arguments[0]).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return None


def run_job(
    function: Callable[[AnyJob, Progress], None],
    model: type[AnyJob],
    argv: list[str] | None,
    *,
    leads: bool = True,
) -> int:
    """Run a job from its configuration file.

    Args:
        leads: whether this process speaks; of several that do one job, it is one.

    Returns:
        0, or after writing one message to `work/error.txt` and standard error `USER_ERROR`, or
        `OUT_OF_MEMORY` where memory did not suffice.
    """
    job = read_job(model, sys.argv[1:] if argv is None else argv)
    if job is None:
        return USER_ERROR
    work = Path(job.work)  # type: ignore[attr-defined]
    try:
        speaks = leads and DAGSTER_PIPES_CONTEXT_ENV_VAR in os.environ
        with open_dagster_pipes() if speaks else contextlib.nullcontext() as pipes:
            function(job, Progress(work, pipes) if leads else SilentProgress(work))
    except AlignmentError as error:
        (work / ERROR).write_text(str(error), encoding="utf-8")
        print(error, file=sys.stderr)
        return OUT_OF_MEMORY if isinstance(error, OutOfMemory) else USER_ERROR
    return 0
