"""Runs of Dagster: whose process each is, and the end of those whose process was killed."""

import shutil
from datetime import UTC, datetime

import dagster as dg
import psutil

from alignment_dagster.foundation.process_owner import PROCESS_TAG, is_dead, process_tag
from alignment_dagster.graph.run_tags import POLICY, STARTED_BY, STUDY
from alignment_dagster.graph.stores import Stores
from alignment_dagster.lineage.journal_lines import STARTED, NewRemark

UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Of which a process can be told to be dead: a queued run has none yet."""
START_SECONDS = 180.0
"""As in `dagster.yaml`: a run that has not started by then never will."""
_begun: set[str] = set()
"""Runs of this process, each of which may make several assets."""


def mark_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Say of a run that it is this process's."""
    instance.add_run_tags(run_id, {PROCESS_TAG: process_tag()})


def begin_run(instance: dg.DagsterInstance, run: dg.DagsterRun, stores: Stores) -> None:
    """What a run that Dagster started does first: say whose it is, and end what was killed.

    `alignment run` has done both before its runs begin.
    """
    if PROCESS_TAG not in run.tags and run.run_id not in _begun:
        _begun.add(run.run_id)
        mark_run(instance, run.run_id)
        _note_start(run, stores)
        end_leaked_runs(instance, stores)


def _note_start(run: dg.DagsterRun, stores: Stores) -> None:
    """A budget counts what began also when it is deleted in Dagster's pages."""
    study = run.tags.get(STUDY)
    if study is not None and run.tags.get(STARTED_BY) == POLICY:
        stores.lake.journal(study).append(NewRemark(STARTED, (run.run_id,), f"by the {POLICY}"))


def end_dead_runs(instance: dg.DagsterInstance) -> set[str]:
    """End the Dagster runs whose process was killed before it could; the ids of those that go on.

    They would keep their place in the queue and in the pools for ever.
    """
    alive = set()
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED)):
        run = record.dagster_run
        if _is_dead(record):
            instance.report_run_failed(run, "the process of this run was killed")
        else:
            alive.add(run.run_id)
    _free_slots(instance)
    return alive


def _free_slots(instance: dg.DagsterInstance) -> None:
    """Take the places in pools from runs that have ended: Dagster leaves them to its daemon."""
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _never_started(record: dg.RunRecord) -> bool:
    """Whether its process was killed between making a note of the run and starting it."""
    age = datetime.now(UTC) - record.create_timestamp
    not_started = record.dagster_run.status == dg.DagsterRunStatus.NOT_STARTED
    return not_started and age.total_seconds() > START_SECONDS


def has_dead_runs(instance: dg.DagsterInstance) -> bool:
    """Whether the process of any run was killed before it could end it."""
    records = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
    return any(_is_dead(record) for record in records)


def _is_dead(record: dg.RunRecord) -> bool:
    return is_dead(record.dagster_run.tags.get(PROCESS_TAG)) or _never_started(record)


def end_leaked_runs(instance: dg.DagsterInstance, stores: Stores) -> None:
    """End, in Dagster and MLflow, the runs whose process was killed; remove what they staged."""
    # MLflow first: a run that begins on another machine meanwhile is not taken for a leaked one.
    running = stores.tracker.running()
    stores.tracker.end_leaked(running, end_dead_runs(instance))
    for folder in (stores.home.lake / ".staging").glob("*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)
