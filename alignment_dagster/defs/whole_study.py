"""`alignment run` from a Dagster job: a process group of its own that ends with the job's run."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

ALIGNMENT = "from alignment_dagster.cli.main import main; main()"
"""The console script's own call, also where the script is not installed beside Python."""
GRACE_SECONDS = 30.0
"""From SIGINT to SIGKILL: a training job takes up to ten to keep its state."""


@dataclass(frozen=True)
class Options:
    """The part of the study; nothing that could change a result."""

    recipes: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    workers: int = 2
    device: str = ""

    def arguments(self) -> list[str]:
        """As the command line has them."""
        recipes = [text for recipe in self.recipes for text in ("--recipe", recipe)]
        seeds = [text for seed in self.seeds for text in ("--seed", str(seed))]
        device = ["--device", self.device] if self.device else []
        return [*recipes, *seeds, *device, "--workers", str(self.workers)]


def run_whole_study(context: dg.OpExecutionContext, study: str, options: Options) -> None:
    """Run it to its end, passing on what it says line by line.

    Raises:
        dagster.Failure: with the last thing that it said, if it failed.
    """
    last = ""
    with _running(["run", study, *options.arguments()]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            if line.strip():
                context.log.info(line.rstrip())
    if process.returncode != 0:
        raise dg.Failure(description=last.removeprefix("error: "), allow_retries=False)


@contextmanager
def _running(arguments: list[str]) -> "Iterator[subprocess.Popen[str]]":
    """The command; however this is left, its whole process group is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", ALIGNMENT, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
        process.wait()
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """SIGINT first, then SIGKILL for what is left of the group."""
    if process.poll() is None:
        _signal(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
