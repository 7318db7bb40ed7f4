"""Commits wait for no disk while a study runs, and whatever ends the process loses none."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from alignment_dagster.foundation.sqlite_commits import ANCHORS, unwaited_commits
from alignment_dagster.foundation.sqlite_copy import is_readable_in_place

NORMAL, FULL = 1, 2


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """With a write-ahead log, as Dagster makes them."""
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE events (number INTEGER)")
    return path


def add(path: Path, *numbers: int) -> int:
    """Each by a connection of its own, as Dagster does; how commits wait, as a pragma says it."""
    waited = -1
    for number in numbers:
        with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
            connection.execute(text("INSERT INTO events VALUES (:number)"), {"number": number})
            waited = connection.execute(text("PRAGMA synchronous")).scalar_one()
    return waited


def numbers(path: Path) -> Iterator[int]:
    with closing(sqlite3.connect(path)) as opened:
        yield from (row[0] for row in opened.execute("SELECT number FROM events ORDER BY 1"))


def log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def test_the_log_is_written_back_at_the_end_and_not_with_each_connection(database: Path) -> None:
    with unwaited_commits():
        assert add(database, 1, 2) == NORMAL
        assert log(database).stat().st_size > 0
    assert not log(database).exists()
    assert list(numbers(database)) == [1, 2]
    assert add(database, 3) == FULL


def test_a_process_that_is_killed_loses_nothing(database: Path) -> None:
    child = os.fork()
    if child == 0:
        with unwaited_commits():
            add(database, *range(50))
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert list(numbers(database)) == list(range(50))


def test_threads_that_connect_meanwhile_lose_nothing(database: Path) -> None:
    ended = threading.Event()
    counts = list[int]()

    def write() -> None:
        count = 0
        while not ended.is_set() or not count:
            add(database, count)
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        with unwaited_commits():
            pass
    ended.set()
    for thread in threads:
        thread.join()
    assert len(list(numbers(database))) == sum(counts)
    assert len(counts) == len(threads)


def test_no_more_files_are_held_open_than_are_written_to_at_a_time(
    database: Path, tmp_path: Path
) -> None:
    others = [tmp_path / f"{number}.db" for number in range(ANCHORS + 4)]
    for path in others:
        path.write_bytes(database.read_bytes())
    with unwaited_commits():
        for path in others:
            add(path, 1)
        assert sum(log(path).exists() for path in others) == ANCHORS
    assert all(list(numbers(path)) == [1] for path in others)


def test_a_database_with_a_journal_keeps_its_mode_for_who_opens_it_next(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE events (number INTEGER)")
    with unwaited_commits():
        assert add(path, 1) == FULL
    assert path.with_name(path.name + "-journal").stat().st_size == 0
    assert is_readable_in_place(path)
    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert list(numbers(path)) == [1]
