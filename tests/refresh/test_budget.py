"""What training by itself may spend: calendar periods, and runs that have not ended yet."""

from datetime import UTC, datetime

import pytest

from alignment_dagster.refresh.budget import Account, Started, account, period_of
from alignment_dagster.study import Budget

NOW = datetime(2026, 11, 25, 13, 30, tzinfo=UTC)


def spent(budget: Budget, *started: Started, **measured: float) -> Account:
    return account(budget, NOW, started, measured)


def ended(name: str, seconds: float = 3600.0) -> Started:
    return Started(name, seconds, unfinished=False)


def running(name: str, seconds: float = 0.0) -> Started:
    return Started(name, seconds, unfinished=True)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("day", (2026, 11, 25), (2026, 11, 26)),
        ("week", (2026, 11, 23), (2026, 11, 30)),
        ("month", (2026, 11, 1), (2026, 12, 1)),
    ],
)
def test_a_period_is_one_of_the_calendar(
    period: str, start: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    found = period_of(Budget(period=period, runs=1).period, NOW)  # type: ignore[arg-type]
    assert found == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


def test_a_run_counts_as_soon_as_it_is_asked_for_and_also_when_it_fails() -> None:
    budget = Budget(period="day", runs=3)
    assert spent(budget).may_start == 3
    assert spent(budget, running("a"), ended("b")).may_start == 1
    assert spent(budget, running("a"), ended("b"), ended("c")).may_start == 0
    assert spent(budget, *map(ended, "abcde")).may_start == 0


def test_device_hours_are_what_the_checkpoints_say_or_the_time_of_the_run() -> None:
    budget = Budget(period="day", device_hours=10)
    assert spent(budget, ended("a"), a=7200.0).device_hours == 2
    assert spent(budget, ended("a")).device_hours == 1


def test_hours_of_unfinished_runs_are_set_aside() -> None:
    budget = Budget(period="day", device_hours=4)
    assert spent(budget, ended("a")).may_start == 3
    assert spent(budget, ended("a"), running("b")).may_start == 2
    assert spent(budget, ended("a"), running("b", 3 * 3600)).may_start == 0


def test_where_nothing_was_measured_one_run_at_a_time_is_started() -> None:
    budget = Budget(period="day", device_hours=4)
    assert spent(budget).may_start == 1
    assert spent(budget, running("a")).may_start == 0


def test_a_budget_is_not_spent_because_the_cost_of_a_run_is_not_known() -> None:
    budget = Budget(period="day", runs=3, device_hours=4)
    assert not spent(budget).cannot_pay(2)
    assert not spent(budget, running("a")).cannot_pay(2)
    assert spent(budget, running("a")).cannot_pay(3)
    assert not spent(budget, ended("a")).cannot_pay(2)
    assert spent(budget, ended("a", 4 * 3600)).cannot_pay(1)


def test_the_words_say_what_is_spent_and_until_when() -> None:
    words = spent(Budget(period="week", runs=2, device_hours=1.5), ended("a")).words
    assert words == "1 of 2 runs and 1.00 of 1.5 device hours spent; the week ends 2026-11-30 UTC"
