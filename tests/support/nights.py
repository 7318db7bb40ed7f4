"""A study that is refreshed night after night in one process: real ticks, real runs."""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from alignment_dagster.definitions import defs
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.sqlite_commits import unwaited_commits
from alignment_dagster.graph.instance import prepare_home
from alignment_dagster.preflight.studies import declared_studies
from tests.support.tiny_study import NAME, TinyStudy

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CRON: Mapping[str, Any] = {"schedule": {"cron": "0 3 * * *"}}


@dataclass(frozen=True)
class Ran:
    """One run that a tick asked for."""

    assets: frozenset[str]
    partition: str | None
    by: str
    success: bool
    seconds: float


@dataclass
class Tick:
    """What a schedule or sensor asked for, or why it asked for nothing."""

    requests: list[dg.RunRequest]
    skipped: str | None


@dataclass
class Nights:
    """Schedules and sensors of a study, ticked by hand, and the runs they ask for."""

    instance: dg.DagsterInstance
    study: str = NAME
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    cursors: dict[str, str | None] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    first: list[Ran] = field(default_factory=list)
    """What the first night ran."""

    def __post_init__(self) -> None:
        logging.getLogger("dagster").setLevel(logging.WARNING)
        self.load()

    def load(self) -> None:
        """As "Reload definitions" does."""
        declared_studies.cache_clear()
        loaded = defs()
        assert isinstance(loaded, dg.Definitions)
        self.definitions = loaded
        self.repository = loaded.get_repository_def()
        self.job = loaded.resolve_implicit_global_asset_job_def()
        self.whole = self.repository.get_job(f"{self.study}_refresh_corpus")

    def schedule(self) -> Tick:
        """The schedule's tick of the next night."""
        self.now += timedelta(days=1)
        found = self.repository.get_schedule_def(f"{self.study}_refresh")
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=self.now,
            repository_def=self.repository,
        )
        told = found.evaluate_tick(context)
        return Tick(list(told.run_requests or []), told.skip_message)

    def sensor(self, name: str) -> Tick:
        """A sensor's tick, with the cursor of its last one."""
        found = self.repository.get_sensor_def(f"{self.study}_{name}")
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            repository_def=self.repository,
            sensor_name=found.name,
        )
        told = found.evaluate_tick(context)
        self.cursors[name] = told.cursor
        return Tick(list(told.run_requests or []), told.skip_message)

    def run(self, tick: Tick) -> list[Ran]:
        """Run what was asked for, as the daemon would: not twice under one key."""
        return [self._run(one) for one in tick.requests if self._is_new(one)]

    def follow(self, most: int = 12) -> list[Ran]:
        """Tick what follows until nothing follows any more."""
        ran: list[Ran] = []
        for _ in range(most):
            told = self.run(self.sensor("follow"))
            if not told:
                return ran
            ran += told
        raise AssertionError(f"it does not come to rest: {ran[-6:]}")

    def night(self) -> list[Ran]:
        """The scheduled look, and all that follows from it."""
        return self.run(self.schedule()) + self.follow()

    def _is_new(self, request: dg.RunRequest) -> bool:
        if request.run_key is None:
            return True
        new = request.run_key not in self.keys
        self.keys.add(request.run_key)
        return new

    def _run(self, request: dg.RunRequest) -> Ran:
        keys = list(request.asset_selection or [])
        started = time.monotonic()
        job = self.job if keys else self.whole
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            asset_selection=keys or None,
            tags={"study": self.study, **request.tags},
            run_config=SILENT,
            raise_on_error=False,
        )
        names = frozenset(key.path[-1] for key in keys)
        by = request.tags.get("alignment/started_by", "")
        seconds = time.monotonic() - started
        return Ran(names, request.partition_key, by, result.success, seconds)


def environment(study: TinyStudy) -> dict[str, str]:
    """Where the study's declarations, data and home are."""
    return {
        "ALIGNMENT_ASSETS": str(study.assets),
        "ALIGNMENT_DATA": str(study.data),
        "ALIGNMENT_HOME": str(study.assets.parent / "home"),
    }


def opened() -> Iterator[dg.DagsterInstance]:
    """The instance of the home that the environment names."""
    home = Home.from_environment()
    prepare_home(home)
    with unwaited_commits(), dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        instance.get_yaml_python_handlers = list  # type: ignore[method-assign]
        yield instance
    os.environ.pop("DAGSTER_HOME", None)
