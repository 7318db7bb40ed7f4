"""SQLite's commits without a wait for the disk at each of them.

Dagster opens a database anew for each event, and SQLite then writes its log back and waits for the
disk when the last connection closes: 16 ms an event, and a run of a small study has thousands.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

ANCHORS = 16
"""Databases that are held open: those of all runs of this moment, and the shared ones."""


@contextmanager
def unwaited_commits() -> Iterator[None]:
    """While it lasts, what SQLAlchemy opens of SQLite waits for the disk no more than it has to.

    A database with a write-ahead log waits at checkpoints only: a killed process loses nothing by
    it, and none is damaged; where the power fails, the last commits may be gone (SQLite, "PRAGMA
    synchronous", NORMAL). Another keeps its journal's file instead of deleting it at each commit.
    """
    global _anchors
    outer, own = _anchors, _Anchors()
    _anchors = own
    try:
        yield
    finally:
        _anchors = outer
        own.close()


class _Anchors:
    """A connection to each database that has a write-ahead log, so that none is the last to close.

    Without one that cannot be had at once: its commits wait.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, sqlite3.Connection] | None = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            if mode == "delete":
                cursor.execute("PRAGMA journal_mode=TRUNCATE")
            elif mode == "wal":
                cursor.execute("PRAGMA synchronous=NORMAL")
                self._hold(cursor.execute("PRAGMA database_list").fetchone()[2])

    def _hold(self, path: str) -> None:
        with self._lock:
            if self._held is None:
                return
            if path not in self._held:
                with suppress(sqlite3.OperationalError):
                    self._held[path] = _open_log(path)
            if path in self._held:
                self._held.move_to_end(path)
            if len(self._held) > ANCHORS:
                self._held.popitem(last=False)[1].close()

    def close(self) -> None:
        """Let go of all: what their logs hold is written back."""
        with self._lock:
            for anchor in (self._held or {}).values():
                anchor.close()
            self._held = None


def _open_log(path: str) -> sqlite3.Connection:
    """SQLite opens the log of a database when it first reads."""
    anchor = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        anchor.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        anchor.close()
        raise
    return anchor


_anchors: _Anchors | None = None


def _prepare(connection: Any, _: object) -> None:
    anchors = _anchors
    if anchors is not None and isinstance(connection, sqlite3.Connection):
        anchors.prepare(connection)


# Once: SQLAlchemy's listeners cannot change while another thread connects.
event.listen(Engine, "connect", _prepare)
