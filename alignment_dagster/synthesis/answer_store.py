"""Answers that were received and paid for, by the digest of their request: asked once, kept.

An SQLite database in the home folder, which all studies of the home share. An answer that is in it
survives the end of the process and of the machine: each write is synced to the disk.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.synthesis.answer import Answer

SCHEMA = """
create table if not exists answers (
    request text primary key, source text not null,
    prompt_tokens integer not null, completion_tokens integer not null, answer text not null
) without rowid;
create index if not exists answers_of on answers (source);
create table if not exists reservations (
    number integer primary key, source text not null,
    prompt_tokens integer not null, completion_tokens integer not null
);
"""
VARIABLES = 500
"""In a query."""
PATIENCE = 60.0
"""Seconds that another process may hold the database."""


@dataclass(frozen=True)
class Spent:
    """Tokens of prompts and of answers."""

    prompt: int = 0
    completion: int = 0

    @property
    def tokens(self) -> int:
        """Both together."""
        return self.prompt + self.completion

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.prompt - other.prompt, self.completion - other.completion)


@dataclass(frozen=True)
class Paid:
    """An answer, and what it cost: as the endpoint counts, or at most where it does not say."""

    request: str
    answer: Answer
    cost: Spent
    reservation: int | None = None
    """Settled by it."""


class AnswerStore:
    """The database; several threads and processes may use it at once.

    What a request may cost at most is **reserved** before it is sent where there is a budget, and
    settled by its answer. A reservation that a killed process left stays and counts in full:
    nobody knows whether it was charged.

    Raises:
        ArtifactError: at opening, if the file is no such database.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
        try:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            self._connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ArtifactError(
                f"{shown(path)}: cannot be used as the store of answers: {error}"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, request: str) -> Answer | None:
        """The answer to a request; None where there is none yet."""
        query = "select answer from answers where request = ?"
        with self._lock:
            found = self._connection.execute(query, (request,)).fetchone()
        return None if found is None else Answer(**json.loads(found[0]))

    def answered(self, requests: Iterable[str]) -> set[str]:
        """Those of the requests that have an answer."""
        found: set[str] = set()
        rest = iter(requests)
        while some := list(islice(rest, VARIABLES)):
            marks = ", ".join("?" * len(some))
            query = f"select request from answers where request in ({marks})"
            with self._lock:
                found.update(one for (one,) in self._connection.execute(query, some))
        return found

    def put(self, source: str, answers: Sequence[Paid]) -> None:
        """Keep answers, all or none; a request that has one keeps it."""
        rows = [
            (
                one.request,
                source,
                one.cost.prompt,
                one.cost.completion,
                # Escaped: half a character has no bytes in UTF-8.
                json.dumps(asdict(one.answer)),
            )
            for one in answers
        ]
        settled = [(one.reservation,) for one in answers if one.reservation is not None]
        with self._lock, self._connection:
            self._connection.executemany(
                "insert or ignore into answers values (?, ?, ?, ?, ?)", rows
            )
            self._connection.executemany("delete from reservations where number = ?", settled)

    def reserve(self, source: str, most: Sequence[Spent]) -> list[int]:
        """Note what requests may cost before they are sent; returns a number for each."""
        query = (
            "insert into reservations (source, prompt_tokens, completion_tokens) values (?, ?, ?)"
        )
        with self._lock, self._connection:
            cursors = (
                self._connection.execute(query, (source, one.prompt, one.completion))
                for one in most
            )
            return [int(cursor.lastrowid or 0) for cursor in cursors]

    def release(self, reservations: Iterable[int]) -> None:
        """Take back what was reserved for requests that were not charged."""
        rows = [(one,) for one in reservations]
        with self._lock, self._connection:
            self._connection.executemany("delete from reservations where number = ?", rows)

    def spent(self, source: str) -> Spent:
        """What a source has cost in all, open reservations among it."""
        total = Spent()
        for table in ("answers", "reservations"):
            query = (
                "select coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0) "
                f"from {table} where source = ?"
            )
            with self._lock, closing(self._connection.execute(query, (source,))) as cursor:
                total += Spent(*cursor.fetchone())
        return total

    def count(self, source: str) -> int:
        """How many answers a source has paid for."""
        query = "select count(*) from answers where source = ?"
        with self._lock:
            (found,) = self._connection.execute(query, (source,)).fetchone()
        return int(found)


def cost_of(answer: Answer, most: Spent) -> Spent:
    """What an answer cost, or at most where its endpoint does not count."""
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return Spent(
        most.prompt if prompt is None else prompt,
        most.completion if completion is None else completion,
    )
