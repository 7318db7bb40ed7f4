"""The Dagster instance in the home folder."""

import os

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.databases import one_message
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import DAGSTER_VARIABLE, Home, dagster_configuration
from alignment_dagster.lineage.lake import Lake

QUIET = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""Capturing output redirects the whole process's streams, also those of the progress bars."""


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
