"""SQLite's commits without a wait for the disk at each of them.

Dagster opens a database anew for each event, and SQLite then writes its log back and waits for the
disk when the last connection closes: 16 ms an event, and a run of a small study has thousands.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

ANCHORS = 16
"""Databases that are held open: those of all runs of this moment, and the shared ones."""


@contextmanager
def unwaited_commits() -> Iterator[None]:
    """While it lasts, what SQLAlchemy opens of SQLite waits for the disk at checkpoints only.

    A killed process loses nothing by it, and no database is damaged; where the power fails, the
    last commits may be gone (SQLite, "PRAGMA synchronous", NORMAL).
    """
    anchors = _Anchors()
    event.listen(Engine, "connect", anchors.prepare)
    try:
        yield
    finally:
        event.remove(Engine, "connect", anchors.prepare)
        anchors.close()


class _Anchors:
    """A connection to each database that has a write-ahead log, so that none is the last to close.

    A database in another mode keeps its journal's file instead of deleting it at each commit.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, sqlite3.Connection] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, connection: Any, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            if mode == "delete":
                cursor.execute("PRAGMA journal_mode=TRUNCATE")
            elif mode == "wal":
                self._hold(cursor.execute("PRAGMA database_list").fetchone()[2])

    def _hold(self, path: str) -> None:
        with self._lock:
            if path not in self._held:
                anchor = sqlite3.connect(path, check_same_thread=False)
                # SQLite opens the log when it first reads.
                anchor.execute("SELECT count(*) FROM sqlite_master").fetchone()
                self._held[path] = anchor
            self._held.move_to_end(path)
            if len(self._held) > ANCHORS:
                self._held.popitem(last=False)[1].close()

    def close(self) -> None:
        """Let go of all: what their logs hold is written back."""
        with self._lock:
            for anchor in self._held.values():
                anchor.close()
            self._held.clear()
