"""Answers and spending survive, whoever else uses the store; what is no store says so once."""

import json
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import FREE, Cost
from alignment_dagster.study.synthesis import SpendingLimit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "answers.sqlite"


def answer(text: str) -> Answer:
    return Answer(text, "small", 3, None, "stop", 0.5, "2026-01-01T00:00:00+00:00")


def test_answers_come_back_with_half_characters_and_the_first_one_stays(path: Path) -> None:
    odd = answer("half \ud800, \x00 and 😀")
    with AnswerStore(path) as store:
        store.put("a", Cost(3, 4), {"one": odd})
        store.put("a", FREE, {"one": answer("later"), "two": answer("2")})
    with AnswerStore(path) as store:
        assert store.get("one") == odd
        assert store.get("three") is None
        assert store.answered(["one", "two", "three"]) == {"one", "two"}
        assert store.answered(map(str, range(100_000))) == set()


def test_what_is_reserved_counts_until_it_is_replaced(path: Path) -> None:
    limit = SpendingLimit(tokens=100)
    with AnswerStore(path) as store:
        first = store.reserve("a", Cost(30, 30), limit)
        assert isinstance(first, int)
        excess = store.reserve("a", Cost(30, 30), limit)
        assert "budget.tokens: 100 may be spent, 60 are" in str(excess)
        assert isinstance(store.reserve("b", Cost(30, 30), limit), int)
        store.put("a", Cost(5, 5), {"one": answer("1")}, reservation=first)
        assert store.spent("a") == Cost(5, 5)
        assert isinstance(store.reserve("a", Cost(30, 30), limit), int)
    with AnswerStore(path) as store:
        assert store.spent("a") == Cost(35, 35), "left by one who never came back"


def test_money_is_counted_in_its_own_currency(path: Path) -> None:
    limit = SpendingLimit(money=1.0)
    with AnswerStore(path) as store:
        store.put("a", Cost(1, 1, 0.9, "USD"), {})
        assert isinstance(store.reserve("a", Cost(1, 1, 0.9, "EUR"), limit), int)
        assert "budget.money" in str(store.reserve("a", Cost(1, 1, 0.2, "USD"), limit))
        assert store.spent("a", "USD") == Cost(2, 2, 0.9, "USD")


def test_an_error_within_a_transaction_leaves_nothing(path: Path) -> None:
    with AnswerStore(path) as store:
        with suppress(ZeroDivisionError), store.transaction():
            store.put("a", Cost(5, 5), {"one": answer("1")})
            raise ZeroDivisionError
        assert store.get("one") is None
        assert store.spent("a") == FREE


def test_threads_and_connections_together_never_exceed_a_limit(path: Path) -> None:
    limit = SpendingLimit(tokens=1_000)
    problems: list[Exception] = []

    def spend(store: AnswerStore, name: str) -> None:
        try:
            for number in range(60):
                reserved = store.reserve("a", Cost(5, 5), limit)
                if isinstance(reserved, int):
                    request = f"{name} {number}"
                    store.put("a", Cost(5, 5), {request: answer("")}, reservation=reserved)
        except Exception as error:
            problems.append(error)

    with AnswerStore(path) as one, AnswerStore(path) as other:
        threads = [
            threading.Thread(target=spend, args=(store, f"{name}"))
            for name, store in enumerate((one, one, other, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not problems
        assert one.spent("a") == Cost(500, 500)


def test_what_is_no_store_of_answers_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else, and of some length")
    with pytest.raises(AlignmentError, match="is no database"):
        AnswerStore(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE runs (number INTEGER)")
    with pytest.raises(DataError, match="belongs to another program"):
        AnswerStore(path)
    with closing(sqlite3.connect(path)) as foreign:
        (tables,) = foreign.execute("SELECT group_concat(name) FROM sqlite_master").fetchone()
    assert tables == "runs"


def test_a_store_of_a_later_version_is_refused(path: Path) -> None:
    AnswerStore(path).close()
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA user_version = 9")
    with pytest.raises(DataError, match="it has version 9"):
        AnswerStore(path)


def test_a_damaged_store_is_one_error(path: Path) -> None:
    with AnswerStore(path) as store:
        store.put("a", FREE, {str(n): answer("x" * 3_000) for n in range(50)})
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be used as a store of answers") as caught:
        AnswerStore(path).answered(["1"])
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damaged", ["{", "[]", json.dumps({"text": "only"})])
def test_a_damaged_answer_is_one_error(path: Path, damaged: str) -> None:
    with AnswerStore(path) as store:
        store.put("a", FREE, {"one": answer("1")})
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE answers SET answer = ?", (damaged,))
        with pytest.raises(DataError, match="the answer of request one is damaged"):
            store.get("one")
