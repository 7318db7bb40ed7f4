"""What training by itself has spent in a calendar period (UTC), and what is left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal_history import History
from alignment_dagster.lineage.journal_lines import Entry
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.study import Budget
from alignment_dagster.study.refresh import Period

TRAINED = (chain.TRUNK_CHECKPOINT, chain.PRETRAINED_CHECKPOINT, chain.POST_TRAINED_CHECKPOINT)


@dataclass(frozen=True)
class Started:
    """A run that the training policy asked for."""

    run_id: str
    seconds: float
    """From its start to its end, or until now; 0 before it starts."""
    unfinished: bool


@dataclass(frozen=True)
class Account:
    """A budget's period, and what of it is spent or promised."""

    budget: Budget
    start: datetime
    end: datetime
    runs: int
    device_hours: float
    """Of finished runs."""
    promised_hours: float | None
    """What unfinished runs will take; None where that is not known."""
    hours_a_run: float | None
    """The longest of the finished ones; None before the first."""

    @property
    def may_start(self) -> int | None:
        """How many more runs may be started now; None: as many as there are."""
        limits = [limit for limit in (self._runs_left(), self._by_hours()) if limit is not None]
        return min(limits, default=None)

    def cannot_pay(self, runs: int) -> bool:
        """Whether so many more runs are too many for what the period has left.

        False where only their cost is not known yet: they wait for the first to be measured.
        """
        by_hours = None if self.hours_a_run is None else self._by_hours()
        return any(limit is not None and runs > limit for limit in (self._runs_left(), by_hours))

    def _runs_left(self) -> int | None:
        return None if self.budget.runs is None else max(0, self.budget.runs - self.runs)

    def _by_hours(self) -> int | None:
        hours = self.budget.device_hours
        if hours is None:
            return None
        if self.promised_hours is None:  # one at a time, until one has been measured
            return 0
        left = hours - self.device_hours - self.promised_hours
        if self.hours_a_run is None:
            return 1 if left > 0 else 0
        return max(0, int(left / max(self.hours_a_run, 1e-9)))

    @property
    def words(self) -> str:
        """Spent, of how much, until when."""
        parts = []
        if self.budget.runs is not None:
            parts.append(f"{self.runs} of {self.budget.runs} runs")
        if self.budget.device_hours is not None:
            parts.append(f"{self.device_hours:.2f} of {self.budget.device_hours:g} device hours")
        return f"{' and '.join(parts)} spent; the {self.budget.period} ends {self.end:%Y-%m-%d} UTC"


def period_of(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the calendar period (UTC; weeks begin on Monday) that `now` lies in."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day, day + timedelta(days=1)
    if period == "week":
        start = day - timedelta(days=day.weekday())
        return start, start + timedelta(days=7)
    start = day.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def account(
    budget: Budget, now: datetime, started: Sequence[Started], measured: Mapping[str, float]
) -> Account:
    """What is spent and promised.

    Args:
        started: the policy's runs of the period; also one that failed counts.
        measured: run → seconds of training that its checkpoints say. A run without any counts
            from its start to its end.
    """
    start, end = period_of(budget.period, now)
    finished = [measured.get(run.run_id) or run.seconds for run in started if not run.unfinished]
    longest = max((seconds for seconds in finished if seconds), default=None)
    running = [run for run in started if run.unfinished]
    promised = None
    if not running:
        promised = 0.0
    elif longest is not None:
        promised = sum(max(longest, run.seconds) for run in running) / 3600
    return Account(
        budget=budget,
        start=start,
        end=end,
        runs=len(started),
        device_hours=sum(finished) / 3600,
        promised_hours=promised,
        hours_a_run=None if longest is None else longest / 3600,
    )


def begun_runs(history: History, start: datetime) -> Iterator[Started]:
    """The policy's runs since then by the journal; each took what lies between its lines."""
    ends = {line.dagster_run_id: line.time for line in history.lines if isinstance(line, Entry)}
    for run, began in history.started.items():
        begun = datetime.fromisoformat(began)
        if begun >= start:
            ended = datetime.fromisoformat(ends.get(run, began))
            yield Started(run, (ended - begun).total_seconds(), unfinished=False)


def measured_seconds(lake: Lake, study: str, runs: Iterable[str]) -> dict[str, float]:
    """Run → seconds that the checkpoints made by it took, by journal and provenance."""
    wanted, seconds = set(runs), dict[str, float]()
    if not wanted:
        return seconds
    for entry in lake.journal(study).entries():
        if entry.dagster_run_id not in wanted or entry.reused or entry.asset not in TRAINED:
            continue
        try:
            artifact = lake.read(study, entry.asset, entry.partition, entry.version)
        except ArtifactError:
            continue  # removed since: the run then counts from its start to its end
        spent = artifact.provenance.seconds
        seconds[entry.dagster_run_id] = seconds.get(entry.dagster_run_id, 0.0) + spent
    return seconds
