"""What a person sees of a run: bars, one line a finished artifact, and where the time went."""

import threading
import time
from types import TracebackType

import psutil
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from alignment_dagster import chain
from alignment_dagster.graph.progress_listener import Advance
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.running.plain_progress import PlainProgress, measured
from alignment_dagster.running.plan import Task

MEASURING = (chain.EVALUATION, chain.TAMPERING, chain.ATTACKS, chain.EVAL_REPORT)
COMPUTING = (
    chain.RAW_CORPUS,
    chain.CLASSIFIER,
    chain.SCORED_CORPUS,
    chain.CORPUS_DRIFT,
    chain.NEAR_DUPLICATES,
    chain.TRUNK_CHECKPOINT,
    chain.PRETRAINED_CHECKPOINT,
    chain.POST_TRAINED_CHECKPOINT,
    *MEASURING[:-1],
)
"""Generating, scoring, training and measuring; the rest of the time is orchestration."""


class Terminal:
    """Shows progress; called from the threads of all running tasks."""

    def __init__(self, study: str, artifacts: int) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.study = study
        self._artifacts = artifacts
        """How many were asked for."""
        self._known = 0
        """Of these, how many are current by now."""
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._started = time.monotonic()
        self._seconds: dict[str, list[float]] = {}
        self._before = time.time() - psutil.Process().create_time()
        """Seconds from the start of the process to here: imports and declarations."""
        self._task_seconds = 0.0
        self._spans: list[tuple[float, float]] = []
        self._bars: dict[tuple[str, str | None], TaskID] = {}
        self._plain = PlainProgress()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}{task.fields[measured]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> "Terminal":
        self._progress.start()
        self._all = self._progress.add_task(
            self.study, total=self._artifacts, unit="artifacts", measured=""
        )
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def progress(self, asset: str, partition: str | None, advance: Advance) -> None:
        """Move the artifact's bar, or say now and then how far it is."""
        name = partition_label(asset, partition)
        with self._lock:
            if not self.console.is_terminal:
                if line := self._plain.line(name, advance):
                    self.console.print(f"[dim]· {escape(line)}[/]", soft_wrap=True)
                return
            key = (asset, partition)
            if key not in self._bars:
                self._bars[key] = self._progress.add_task(escape(name), unit="", measured="")
            self._progress.update(
                self._bars[key],
                completed=advance.done,
                total=advance.total,
                unit=advance.unit,
                measured=measured(advance),
            )

    def finished(
        self, asset: str, partition: str | None, artifact: Artifact, *, reused: bool
    ) -> None:
        """One line for an artifact that is now current."""
        with self._lock:
            bar = self._bars.pop((asset, partition), None)
            if bar is not None:
                self._progress.remove_task(bar)
            seconds = 0.0 if reused else artifact.provenance.seconds
            self._seconds.setdefault(asset, []).append(seconds)
            place = self._count(1)
        how = "made before from the same inputs" if reused else f"{seconds:.1f} s"
        name = label(asset, partition, artifact.version)
        failed = artifact.provenance.failed
        mark = "[red]✗[/]" if failed else "[green]✓[/]"
        self.console.print(f"{mark} {escape(name)}  [dim]{how}  {place}[/]")
        for check in failed:
            self.console.print(f"    [red]{check.name}[/]: {escape(check.summary)}")

    def cancelled(self) -> bool:
        """Whether the person asked for the end."""
        return self._cancelled.is_set()

    def cancel(self, *, asked: bool) -> None:
        """End what runs, at the next look at its progress; `asked` for by a person, or not."""
        self._cancelled.set()
        if not asked:
            return
        self.console.print("stopping; the same command goes on from here")

    def current(self, task: Task) -> None:
        """One line for a task that has nothing to do."""
        names = ", ".join(step.asset for step in task.steps)
        where = f"[{task.partition}]" if task.partition else ""
        with self._lock:
            place = self._count(len(task.steps))
        self.console.print(f"[dim]= {escape(names + where)}  up to date  {place}[/]")

    def _count(self, artifacts: int) -> str:
        """Count what is current now; returns how many of all that is."""
        self._known += artifacts
        self._progress.update(self._all, completed=self._known)
        return f"{self._known} of {self._artifacts} artifacts"

    def failed(self, reason: str) -> None:
        """What went wrong, in the words of the step."""
        self.console.print(f"[red]✗[/] {escape(reason)}")

    def task_done(self, started: float) -> None:
        """Count a Dagster run that began at the monotonic time `started`."""
        now = time.monotonic()
        with self._lock:
            self._task_seconds += now - started
            self._spans.append((started, now))

    def summary(self, *, failed: bool) -> None:
        """Seconds by asset, and what the orchestration cost."""
        wall = time.monotonic() - self._started
        if not self._seconds:
            if not failed:
                self.console.print(f"Nothing had to run ({wall:.1f} s).")
            return
        table = Table("asset", "artifacts", "seconds", title="Where the time went", box=None)
        for asset, seconds in self._seconds.items():
            table.add_row(asset, str(len(seconds)), f"{sum(seconds):.1f}")
        computing, evaluating = self._spent(COMPUTING), self._spent((chain.EVALUATION,))
        measuring = self._spent(MEASURING)
        self.console.print(table)
        around = wall + self._before - self._covered()
        orchestration = self._task_seconds - computing + around
        share = orchestration / (self._task_seconds + around)
        self.console.print(
            f"{wall + self._before:.0f} s in all. Orchestration (all but generating, scoring, "
            f"training and measuring): {orchestration:.0f} of "
            f"{self._task_seconds + around:.0f} worker-seconds, {share:.1%}. Measuring: "
            f"{measuring:.0f} ({measuring / (self._task_seconds + around):.1%}), of which "
            f"evaluating the whole grid {evaluating:.0f} "
            f"({evaluating / (self._task_seconds + around):.1%})."
        )

    def _spent(self, assets: tuple[str, ...]) -> float:
        return sum(sum(self._seconds.get(asset, [])) for asset in assets)

    def _covered(self) -> float:
        """Seconds in which at least one Dagster run was at work."""
        covered, end = 0.0, 0.0
        for start, stop in sorted(self._spans):
            covered += max(0.0, stop - max(start, end))
            end = max(end, stop)
        return covered
