"""The Dagster instance in the home folder, and tidying up after processes that were killed."""

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import psutil
from dagster._core.instance.ref import InstanceRef

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.databases import one_message
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import DAGSTER_VARIABLE, Home, dagster_configuration
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.foundation.process_owner import PROCESS_TAG, is_dead, process_tag

if TYPE_CHECKING:
    from alignment_dagster.study import Study

QUIET = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""Capturing output redirects the whole process's streams, also those of the progress bars."""
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

START_SECONDS = 180.0
"""As in `dagster.yaml`: a run that has not started by then never will."""
_begun: set[str] = set()
"""Runs of this process, each of which may make several assets."""


def prepare_home(home: Home) -> None:
    """Create the home folder, with Dagster's configuration where Dagster looks for it.

    Raises:
        AlignmentError: if the configuration that the environment names cannot be read.
    """
    home.dagster.mkdir(parents=True, exist_ok=True)
    Lake(home.lake).prepare()
    _configure(home)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


def _configure(home: Home) -> None:
    """A process beside this one never reads half a file."""
    source, target = dagster_configuration(), home.dagster / "dagster.yaml"
    try:
        content = source.read_bytes()
    except OSError as error:
        message = f"{DAGSTER_VARIABLE}: {source}: cannot be read ({error.strerror})"
        raise AlignmentError(message) from None
    if not target.exists() or target.read_bytes() != content:
        with atomic_file(target) as aside:
            aside.write_bytes(content)


def open_instance(home: Home) -> dg.DagsterInstance:
    """The same instance that the UI shows, for runs in this process.

    Raises:
        AlignmentError: if its configuration is wrong, or its database cannot be reached.
    """
    prepare_home(home)
    with one_message("Dagster's database"):
        reference = InstanceRef.from_dir(str(home.dagster), overrides=QUIET)
        instance = dg.DagsterInstance.from_ref(reference)
    # Dagster configures Python's logging anew for each run, which shuts down the handlers of the
    # runs beside it and deadlocks with them. No handlers are declared, so nothing is lost.
    instance.get_yaml_python_handlers = list  # type: ignore[method-assign]
    return instance


def mark_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Say of a run that it is this process's."""
    instance.add_run_tags(run_id, {PROCESS_TAG: process_tag()})


def begin_run(instance: dg.DagsterInstance, run: dg.DagsterRun, study: "Study") -> None:
    """What a run that Dagster started does first: say whose it is, and end what was killed.

    `alignment run` has done both before its runs begin.
    """
    if PROCESS_TAG not in run.tags and run.run_id not in _begun:
        _begun.add(run.run_id)
        mark_run(instance, run.run_id)
        end_leaked_runs(instance, Home.from_environment(), study.name)


def end_dead_runs(instance: dg.DagsterInstance) -> set[str]:
    """End the Dagster runs whose process was killed before it could; the ids of those that go on.

    They would keep their place in the queue and in the pools for ever.
    """
    alive = set()
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED)):
        run = record.dagster_run
        if is_dead(run.tags.get(PROCESS_TAG)) or _never_started(record):
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


def end_leaked_runs(instance: dg.DagsterInstance, home: Home, study: str) -> None:
    """End, in Dagster and MLflow, the runs whose process was killed; remove what they staged."""
    from alignment_dagster.lineage.mlflow_runs import Tracker  # MLflow takes seconds to import

    tracker = Tracker.shared(home, study)
    # MLflow first: a run that begins on another machine meanwhile is not taken for a leaked one.
    running = tracker.running()
    tracker.end_leaked(running, end_dead_runs(instance))
    for folder in (home.lake / ".staging").glob("*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)
