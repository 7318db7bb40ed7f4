"""MLflow's empty database, made once: its tables take seconds, and every new home has one."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from alignment_dagster.lineage import mlflow_runs


def create(path: Path) -> None:
    """Make it in a process of its own: MLflow keeps what it has opened."""
    child = os.fork()
    if child == 0:
        mlflow_runs.create_database(path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, "MLflow could not make its tables"


def use(path: Callable[[], Path]) -> None:
    """Let new homes of this process have a copy of it; asked for when the first is made."""
    mlflow_runs.create_database = lambda new: shutil.copyfile(path(), new)
