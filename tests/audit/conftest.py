"""A tiny study, really run once for all tests of the audit; a copy for those that alter it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_study
from audited_study import Audited
from tiny_study import MEASURED, NAME, STUDY

from alignment_dagster.audit.open_report import OpenedReport, open_report

DONE = "made"


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Not to be altered. Tests that run in several processes share it: the first one makes it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "audited"
    with (base / "audited.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / DONE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder)
            (folder / DONE).touch()
    return Audited(folder)


def _make(folder: Path) -> None:
    """Two processes share each pretraining; what is replayed is taken by one."""
    study = tiny_study.create(folder)
    study.change(**MEASURED, pretraining={**STUDY["pretraining"], "ranks": 2})
    made = Audited(folder)
    assert (made.study.assets, made.study.data) == (study.assets, study.data)
    done = made.command("run", NAME)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def altered(audited: Audited, tmp_path: Path) -> Audited:
    """A copy that a test may alter."""
    return audited.copy(tmp_path / "altered")


@pytest.fixture(scope="session")
def opened(audited: Audited) -> Iterator[OpenedReport]:
    """The report with its closure and ledgers."""
    with open_report(audited.archive) as found:
        yield found
