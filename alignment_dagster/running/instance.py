"""The Dagster instance in the home folder, and tidying up after processes that were killed."""

import os
import shutil

import dagster as dg
import psutil
from dagster._core.instance.ref import InstanceRef

from alignment_dagster.home import PROJECT_ROOT, Home
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.running.processes import PROCESS_TAG, is_dead
from alignment_dagster.tracking import Tracker

QUIET = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""Capturing output redirects the whole process's streams, also those of the progress bars."""
UNFINISHED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def prepare_home(home: Home) -> None:
    """Create the home folder, with the project's `dagster.yaml` where Dagster looks for it."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    Lake(home.lake).prepare()
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", home.dagster / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home.dagster)


def open_instance(home: Home) -> dg.DagsterInstance:
    """The same instance that the UI shows, for runs in this process."""
    prepare_home(home)
    reference = InstanceRef.from_dir(str(home.dagster), overrides=QUIET)
    instance = dg.DagsterInstance.from_ref(reference)
    # Dagster configures Python's logging anew for each run, which shuts down the handlers of the
    # runs beside it and deadlocks with them. No handlers are declared, so nothing is lost.
    instance.get_yaml_python_handlers = list  # type: ignore[method-assign]
    return instance


def end_leaked_runs(instance: dg.DagsterInstance, home: Home, study: str) -> None:
    """End, in Dagster and MLflow, the runs whose process was killed before it could."""
    alive = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if is_dead(run.tags.get(PROCESS_TAG)):
            instance.report_run_failed(run, "the process of this run was killed")
        else:
            alive.add(run.run_id)
    Tracker.shared(home, study).end_leaked(alive)
    for folder in (home.lake / ".staging").glob("*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)
