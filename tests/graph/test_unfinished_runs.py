"""Runs whose process was killed are ended by the next look; those of living processes go on."""

import errno
import socket
import subprocess
import threading
import uuid
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_managed_session_maker
from sqlalchemy.orm import sessionmaker

from alignment_dagster.foundation.databases import one_disk_error
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.process_owner import PROCESS_TAG, process_tag
from alignment_dagster.graph import runs as running

STARTED, NOT_STARTED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED


def gone() -> str:
    """The tag of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return f"{socket.gethostname()}/{process.pid}/0"


def add(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tag: str | None) -> str:
    tags = {} if tag is None else {PROCESS_TAG: tag}
    run = dg.DagsterRun("job", run_id=str(uuid.uuid4()), status=status, tags=tags)
    return instance.add_run(run).run_id


def test_runs_of_processes_that_are_gone_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        dead = [add(instance, status, gone()) for status in (STARTED, NOT_STARTED)]
        alive = {
            add(instance, STARTED, process_tag()),
            add(instance, STARTED, "elsewhere/1/0"),
            add(instance, STARTED, None),
        }
        never = add(instance, NOT_STARTED, None)
        assert running.end_dead_runs(instance) == {*alive, never}
        statuses = {run.run_id: run.status for run in instance.get_runs()}
        assert {statuses[one] for one in dead} == {dg.DagsterRunStatus.FAILURE}
        monkeypatch.setattr(running, "START_SECONDS", 0.0)
        assert running.end_dead_runs(instance) == alive


def test_a_full_disk_is_one_message_and_another_error_is_left_as_it_is(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "x"))
    with pytest.raises(AlignmentError, match="x: No space left"), one_disk_error(tmp_path):
        raise full
    with pytest.raises(FileNotFoundError), one_disk_error(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_a_thread_that_finds_the_disk_full_shows_a_line_and_another_error_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    with one_disk_error(tmp_path):
        _in_a_thread(OSError(errno.ENOSPC, "No space left on device", "events.db"))
        assert not shown
        assert capsys.readouterr().err == "events.db: No space left on device\n"
        _in_a_thread(ValueError("a fault"))
    assert [str(one.exc_value) for one in shown] == ["a fault"]
    _in_a_thread(OSError(errno.ENOSPC, "No space left on device"))
    assert len(shown) == 2, "afterwards all is as it was"


def test_mlflow_tells_of_a_database_that_cannot_be_used_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with one_disk_error(tmp_path):
        _use_a_database_without_tables()
    _use_a_database_without_tables()
    line = f"a database in {tmp_path} cannot be used: no such table: runs"
    said = [(record.getMessage() == line, bool(record.exc_info)) for record in caplog.records]
    assert said == [(True, False), (False, True)]


def _use_a_database_without_tables() -> None:
    made = sessionmaker(sqlalchemy.create_engine("sqlite://"))
    with pytest.raises(MlflowException), _get_managed_session_maker(made, "sqlite")() as session:
        session.execute(sqlalchemy.text("select * from runs"))


def _in_a_thread(error: Exception) -> None:
    def fail() -> None:
        raise error

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
