"""Answers that were paid for, by request, and what each source has spent: one SQLite database.

A cost is reserved before a request is sent, and replaced by what the endpoint reports. What a
killed process left reserved counts in full for good: nobody here knows whether it was charged.
What was reserved for a line of a batch file counts until its result is read.

A killed process loses no commit. Where the power fails, those since the last `sync` may be gone.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.databases import require_sqlite
from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.cost import FREE, Cost, find_excess
from alignment_dagster.study.synthesis import SpendingLimit

APPLICATION = 0x616E7377
"""Names these databases among SQLite's ("PRAGMA application_id")."""
VERSION = 1
WAIT_SECONDS = 60.0
"""For another process that writes."""
TABLES = f"""
CREATE TABLE answers (request TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE spent (
    source TEXT, currency TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, money REAL,
    PRIMARY KEY (source, currency)
) WITHOUT ROWID;
CREATE TABLE reserved (
    number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, currency TEXT, prompt_tokens INTEGER,
    completion_tokens INTEGER, money REAL, batch_request TEXT, UNIQUE (source, batch_request)
);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
SPENT = """
SELECT sum(prompt_tokens), sum(completion_tokens), sum(money) FILTER (WHERE currency = :currency)
FROM (
    SELECT source, currency, prompt_tokens, completion_tokens, money FROM spent
    UNION ALL
    SELECT source, currency, prompt_tokens, completion_tokens, money FROM reserved
) WHERE source = :source
"""
SPEND = """
INSERT INTO spent VALUES (:source, :currency, :prompt_tokens, :completion_tokens, :money)
ON CONFLICT DO UPDATE SET prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    money = money + excluded.money
"""
RESERVE = """
INSERT OR IGNORE INTO reserved
    (source, currency, prompt_tokens, completion_tokens, money, batch_request)
VALUES (:source, :currency, :prompt_tokens, :completion_tokens, :money, :batch_request)
"""


class AnswerStore:
    """Threads and processes may use one at the same time; of a request, the first answer stays."""

    def __init__(self, path: Path) -> None:
        """Open the database, or make it, with the folders above it.

        Raises:
            AlignmentError: if there is something else, or it cannot be read or written.
        """
        self.path = path
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        require_sqlite(path)
        with self._one_error():
            self._connection = sqlite3.connect(
                path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._one_error():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> "AnswerStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    def answered(self, requests: Iterable[str]) -> set[str]:
        """Which of the requests have an answer, by their digests."""
        query = "SELECT request FROM answers WHERE request IN (SELECT value FROM json_each(?))"
        return {request for (request,) in self._rows(query, (json.dumps(list(requests)),))}

    def get(self, request: str) -> Answer | None:
        """The answer to a request; None where there is none yet.

        Raises:
            DataError: also if what is stored is no answer.
        """
        for (answer,) in self._rows("SELECT answer FROM answers WHERE request = ?", (request,)):
            try:
                return Answer(**json.loads(answer))
            except (ValueError, TypeError):
                raise self._unusable(f"the answer of request {request} is damaged") from None
        return None

    def put(
        self,
        source: str,
        cost: Cost,
        answers: Mapping[str, Answer],
        *,
        reservation: int | None = None,
    ) -> None:
        """Keep answers, by the digests of their requests, and what was charged, all or nothing.

        Args:
            reservation: replaced by the cost.
        """
        # ASCII: a lone surrogate has no other place in a text of SQLite.
        rows = [(request, json.dumps(asdict(answer))) for request, answer in answers.items()]
        with self.transaction():
            self._connection.execute("DELETE FROM reserved WHERE number = ?", (reservation,))
            if any(cost[:3]):
                self._insert(SPEND, source, cost)
            self._connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)

    def spent(self, source: str, currency: str = "") -> Cost:
        """What a source has spent, with what is reserved; the money in that currency."""
        values = {"source": source, "currency": currency}
        ((prompt, completion, money),) = self._rows(SPENT, values)
        return Cost(prompt or 0, completion or 0, money or 0.0, currency)

    def reserve(self, source: str, most: Cost, limit: SpendingLimit | None) -> int | str:
        """Set aside what a request may cost.

        Returns:
            The reservation's number; or why the limit forbids it.
        """
        with self.transaction():
            excess = find_excess(limit, self.spent(source, most.currency), most)
            if excess is not None:
                return excess
            return self._insert(RESERVE, source, most, batch_request=None)

    def reserve_for_batch(
        self, source: str, request: str, most: Cost, limit: SpendingLimit | None
    ) -> str | None:
        """Set aside what a line of a batch file may cost, once for each request.

        Returns:
            Why the limit forbids it; None where it does not.
        """
        with self.transaction():
            query = "SELECT 1 FROM reserved WHERE source = ? AND batch_request = ?"
            if list(self._rows(query, (source, request))):
                return None
            excess = find_excess(limit, self.spent(source, most.currency), most)
            if excess is None:
                self._insert(RESERVE, source, most, batch_request=request)
            return excess

    def put_of_batch(
        self, source: str, request: str, cost: Cost, answers: Mapping[str, Answer]
    ) -> None:
        """As `put`, for a line of a batch file; one that is read again costs nothing."""
        with self.transaction():
            query = "DELETE FROM reserved WHERE source = ? AND batch_request = ?"
            was_reserved = self._connection.execute(query, (source, request)).rowcount
            is_new = bool(set(answers) - self.answered(answers))
            self.put(source, cost if was_reserved or is_new else FREE, answers)

    def sync(self) -> None:
        """Bring what was committed to the disk; what is being written meanwhile may wait."""
        list(self._rows("PRAGMA wal_checkpoint(PASSIVE)", ()))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written meanwhile, or nothing; within another one, a part of it.

        Raises:
            DataError: if the database cannot be used.
        """
        with self._lock, self._one_error():
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.transaction():
            known = [self._pragma("application_id"), self._pragma("user_version")]
            if known == [0, 0] and not list(self._rows("SELECT 1 FROM sqlite_master", ())):
                for statement in filter(str.strip, TABLES.split(";")):
                    self._connection.execute(statement)
            elif known[0] != APPLICATION:
                raise self._unusable("it belongs to another program")
            elif known[1] != VERSION:
                raise self._unusable(f"it has version {known[1]}, and this program reads {VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _rows(self, query: str, values: Any) -> Iterable[tuple[Any, ...]]:
        with self._lock, self._one_error():
            return self._connection.execute(query, values).fetchall()

    def _insert(self, statement: str, source: str, cost: Cost, **more: object) -> int:
        values = {"source": source, **cost._asdict(), **more}
        return self._connection.execute(statement, values).lastrowid or 0

    @contextmanager
    def _one_error(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(first_line(error)) from None

    def _unusable(self, reason: str) -> DataError:
        return DataError(f"{self.path}: cannot be used as a store of answers: {reason}")
