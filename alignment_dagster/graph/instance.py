"""The Dagster instance in the home folder."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from sqlalchemy.exc import DatabaseError

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.databases import one_error, require_sqlite
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import (
    DAGSTER_DATABASES,
    DAGSTER_VARIABLE,
    Home,
    dagster_configuration,
)
from alignment_dagster.foundation.placement import POOL
from alignment_dagster.foundation.sqlite_copy import copy_databases
from alignment_dagster.lineage.lake import Lake

CONFIGURATION = "dagster.yaml"
WAREHOUSE = "warehouse"
"""The pool of what writes to the warehouse: one at a time."""
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
        AlignmentError: if the home cannot be written to, or the configuration that the
            environment names cannot be read.
    """
    if not _is_writable(home.dagster):
        raise AlignmentError(
            f"{home.root}: cannot be written to; results, export and audit work there all the same"
        )
    home.dagster.mkdir(parents=True, exist_ok=True)
    Lake(home.lake).prepare()
    _configure(home)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


def _configure(home: Home) -> None:
    """A process beside this one never reads half a file."""
    source, target = dagster_configuration(), home.dagster / CONFIGURATION
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
    return _open(home.dagster)


def share_accelerators(instance: dg.DagsterInstance, count: int | None) -> None:
    """Let as many steps that compute on one run at once as there are, which Dagster remembers."""
    storage = instance.event_log_storage
    limits = {one.name: one for one in storage.get_pool_limits() if not one.from_default}
    there = limits[POOL].limit if POOL in limits else 1
    if there != (count or 1):
        storage.set_concurrency_slots(POOL, count or 1)


def introduce_pools(instance: dg.DagsterInstance, *, accelerators: bool) -> None:
    """Let Dagster know the pools of runs before two machines meet one for the first time at once.

    Each finds that it is not known and writes it down, and in Postgres the second one's transaction
    is then refused as a whole, with the run in it.

    Args:
        accelerators: whether jobs take turns on them.
    """
    storage = instance.event_log_storage
    for name in (WAREHOUSE, POOL) if accelerators else (WAREHOUSE,):
        try:
            if name not in {one.name for one in storage.get_pool_limits()}:
                storage.initialize_concurrency_limit_to_default(name)
        except DatabaseError:
            if name not in {one.name for one in storage.get_pool_limits()}:
                raise


@contextmanager
def open_reader(home: Home) -> Iterator[dg.DagsterInstance]:
    """The instance for what only reads: of a home that cannot be written to, a copy is opened.

    Dagster writes to its databases to open them.

    Raises:
        AlignmentError: if its configuration is wrong, or its database cannot be reached.
    """
    if _is_writable(home.dagster):
        with open_instance(home) as instance:
            yield instance
        return
    _require_databases(home.dagster)
    with tempfile.TemporaryDirectory(prefix="alignment-dagster-") as folder:
        copy = Path(folder)
        shutil.copyfile(dagster_configuration(), copy / CONFIGURATION)
        copy_databases(DAGSTER_DATABASES, home.dagster, copy)
        with _open(copy) as instance:
            yield instance


def _with_tables(reference: InstanceRef, tries: int = 5) -> dg.DagsterInstance:
    """Where two processes create the tables at once, Dagster tries again after some errors only."""
    try:
        return dg.DagsterInstance.from_ref(reference)
    except DatabaseError as error:
        if "already exists" not in str(error.orig) or tries == 1:
            raise
        time.sleep(0.2)
        return _with_tables(reference, tries - 1)


def _is_writable(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    databases = (folder / name for name in DAGSTER_DATABASES if (folder / name).exists())
    return all(os.access(path, os.W_OK) for path in (there, *databases))


def _require_databases(folder: Path) -> None:
    for name in DAGSTER_DATABASES:
        require_sqlite(folder / name)


def _open(folder: Path) -> dg.DagsterInstance:
    _require_databases(folder)
    with one_error("Dagster's database"):
        instance = _with_tables(InstanceRef.from_dir(str(folder), overrides=QUIET))
    # Dagster configures Python's logging anew for each run, which shuts down the handlers of the
    # runs beside it and deadlocks with them. No handlers are declared, so nothing is lost.
    instance.get_yaml_python_handlers = list  # type: ignore[method-assign]
    return instance
