"""Runs a study's tasks as real Dagster runs in this process, two partitions side by side."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

from alignment_dagster.chain import RAW_CORPUS, RESULTS, TRAINING
from alignment_dagster.engines import jobs
from alignment_dagster.foundation import job_process, page_links
from alignment_dagster.foundation.databases import one_disk_error
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import choose_placement, read_placement
from alignment_dagster.foundation.process_owner import PROCESS_TAG, process_tag
from alignment_dagster.foundation.sqlite_commits import unwaited_commits
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.instance import introduce_pools, open_instance, share_accelerators
from alignment_dagster.graph.run_tags import COMMAND, STARTED_BY
from alignment_dagster.graph.runs import end_leaked_runs, has_dead_runs
from alignment_dagster.graph.staleness import VerifiedStaleness
from alignment_dagster.graph.stores import Stores
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.locks import run_lock
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.preflight.study_check import require_data_folder
from alignment_dagster.refresh.job_names import refresh_job, train_job
from alignment_dagster.running.plan import Selection, Task, check_selection, count_artifacts, waves
from alignment_dagster.running.terminal import Terminal
from alignment_dagster.steps.registry import READING_WAVE, TRAINING_WAVE, wave_steps
from alignment_dagster.study import Study

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

CHECK_FAILED = "DagsterAssetCheckFailedError"


@dataclass
class Outcome:
    """What a whole run did."""

    failures: list[str] = field(default_factory=list)


def run_study(study: Study, selection: Selection, workers: int, device: str = "") -> Outcome:
    """Bring the selected part of a study up to date.

    Args:
        device: of the heavy jobs; where nothing is said, the home's `placement.yaml` decides.

    Raises:
        AlignmentError: for a mistake of the user, if another process runs this study, or if the
            disk is full.
    """
    check_selection(study, selection)
    if selection.first in (None, RAW_CORPUS):
        require_data_folder(study)
    home = Home.from_environment()
    _require_device(home, device)
    with (
        one_disk_error(home.root),
        unwaited_commits(),
        run_lock(home, study.name),
        Terminal(study.name, count_artifacts(study, selection)) as terminal,
        progress_listener.listen(terminal),
    ):
        with open_instance(home) as instance:
            share_accelerators(instance, read_placement(home).gpus)
            outcome = _Runner(study, instance, home, terminal, workers, device).run(selection)
        terminal.summary(failed=bool(outcome.failures))
        return outcome


def _require_device(home: Home, device: str) -> None:
    """Before anything runs.

    Raises:
        AlignmentError: if a device is asked for by name that is not there, or what starts jobs
            does not answer.
    """
    placement = choose_placement(home, device=device)
    if placement.launcher is not None:
        jobs.require_launcher(placement.launcher)
    elif placement.device in ("cuda", "mps"):
        # Imported here for weight: torch takes seconds, and `auto` and `cpu` need no answer.
        from alignment_dagster.engines.devices import find_device

        find_device(placement.device)


class _Runner:
    def __init__(
        self,
        study: Study,
        instance: dg.DagsterInstance,
        home: Home,
        terminal: Terminal,
        workers: int,
        device: str,
    ) -> None:
        self.study = study
        self.instance = instance
        self.terminal = terminal
        self.workers = workers
        self.run_config = {**SILENT, "resources": {"placement": {"config": {"device": device}}}}
        self.home = home
        self.lake = Lake(home.lake)
        self.staleness = VerifiedStaleness(instance, self.lake, study)
        self.outcome = Outcome()
        self.prepared = False
        self.trains = False
        self.tags = {PROCESS_TAG: process_tag(), STARTED_BY: COMMAND, "study": study.name}
        _give_origins(instance)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """Of the study; made, with all that a run needs, when the first has to run."""
        # Imported here for weight: dbt takes seconds, and often nothing has to run.
        from alignment_dagster.definitions import definitions_of

        self._prepare()
        return definitions_of((self.study,))

    def _prepare(self) -> None:
        """Have what a run needs beside definitions, and end what dead ones left; once."""
        from alignment_dagster.lineage.mlflow_runs import Tracker  # MLflow takes seconds to import

        if not self.prepared:
            if self.trains and read_placement(self.home).launcher is None:
                job_process.warm_up()
            tracker = Tracker.introduced(self.home, self.study)
            end_leaked_runs(self.instance, Stores(self.home, self.lake, tracker))
            introduce_pools(self.instance, accelerators=read_placement(self.home).shared)
            self.prepared = True

    def run(self, selection: Selection) -> Outcome:
        planned = list(waves(self.study, selection))
        # Jobs are of these groups alone: where none of them is asked for, none needs torch.
        self.trains = any(
            step.chain.group in (TRAINING, RESULTS)
            for wave in planned
            for task in wave
            for step in task.steps
        )
        if has_dead_runs(self.instance):
            self._prepare()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for wave in planned:
                    self._run_wave(wave, pool)
                    if self.outcome.failures:
                        break
            except BaseException as error:
                self.terminal.cancel(asked=not isinstance(error, Exception))
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return self.outcome

    def _run_wave(self, tasks: list[Task], pool: ThreadPoolExecutor) -> None:
        futures: dict[Future[str | None], Task] = {}
        for task in tasks:
            steps = self.staleness.stale(task.steps, task.partition)
            if steps:
                stale = Task(steps, task.partition)
                futures[pool.submit(self._execute, stale, self._job(stale))] = task
            else:
                self.terminal.current(task)
        for future in as_completed(futures):
            failure = future.result()
            if failure:
                self.outcome.failures.append(failure)
                self.terminal.failed(failure)
        if futures:
            self.staleness.forget_versions()

    def _job(self, task: Task) -> dg.JobDefinition:
        """The job that people launch for the same, under which its runs are listed."""
        for wave, name in ((READING_WAVE, refresh_job), (TRAINING_WAVE, train_job)):
            if task.steps[-1] in wave_steps(self.study, wave):
                return self.definitions.resolve_job_def(name(self.study))
        return self.definitions.resolve_implicit_global_asset_job_def()

    def _execute(self, task: Task, job: dg.JobDefinition) -> str | None:
        """One Dagster run; returns why it failed."""
        started = time.monotonic()
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=task.partition,
            asset_selection=[
                dg.AssetKey([self.study.name, name])
                for name in dict.fromkeys(name for step in task.steps for name in step.selects)
            ],
            tags=self.tags,
            run_config=self.run_config,
            raise_on_error=False,
        )
        self.terminal.task_done(started)
        return None if result.success else _reason(result.all_events, task)


def _give_origins(instance: dg.DagsterInstance) -> None:
    """Let runs of this process be found where Dagster's pages list the code location's runs.

    Dagster gives none to runs that are executed in process.
    """
    location = RegisteredCodeLocationOrigin(page_links.LOCATION)
    repository = RemoteRepositoryOrigin(location, page_links.REPOSITORY)
    create = instance.create_run_for_job

    def create_run(job_def: dg.JobDefinition, **given: Any) -> dg.DagsterRun:
        origin = repository.get_job_origin(job_def.name)
        return create(job_def=job_def, remote_job_origin=origin, **given)

    instance.create_run_for_job = create_run  # type: ignore[method-assign, assignment]


def _reason(events: Sequence[dg.DagsterEvent], task: Task) -> str:
    """Which step failed, and its message without Dagster's frames."""
    for event in events:
        if event.is_step_failure:
            key = event.step_key or ""
            names = [step.asset for step in task.steps if key.endswith(step.asset)]
            asset = (names or [task.steps[-1].asset])[0]
            return f"{partition_label(asset, task.partition)}: {_message(event)}"
    said = [one for one in (event.message for event in events if event.is_failure) if one]
    return f"{task.label}: {said[-1] if said else 'the run failed'}; see it in the UI"


def _message(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "failed"
    first, *checks = error.message.strip().splitlines()
    if CHECK_FAILED in first:  # what each said stands there already, as the artifact's
        names = ", ".join(line.rpartition(": ")[2] for line in checks)
        return f"nothing is made from it: it failed {names}"
    return error.message.strip()
