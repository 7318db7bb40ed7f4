"""Honest histories raise no alarm: a few here; `python -m drills.histories` plays many."""

import random

import pytest

from drills import warm
from drills.histories.actions import ACTIONS
from drills.histories.history import Bench, History
from drills.place import EDITS

pytestmark = pytest.mark.slow
SEED = 4
PLAIN = 1
"""Number of a history that goes on in a home that was run once, with one seed."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("histories"), warm.shared(), ACTIONS)


def test_an_edit_is_a_change_until_a_run_takes_it_up_and_never_a_gap(bench: Bench) -> None:
    history = _history(bench)
    for name, named in (
        ("the word list, with a word that no document has", "scorer ai_discourse"),
        ("a claim", "claim"),
    ):
        EDITS[name](history.place, True)
        history.check()
        assert any(named in change for change in history.told["changes"])
    history.act("run all")
    assert history.told["changes"] == []
    assert history.told["current"]
    assert history.wrong == []


def test_a_killed_run_that_is_started_again_leaves_no_gap(bench: Bench) -> None:
    history = _history(bench)
    history.act("kill")
    assert history.wrong == []


def _history(bench: Bench) -> History:
    """A home that was run once, and nothing done to it yet."""
    history = bench.play(PLAIN, SEED, operations=0)
    assert history.wrong == []
    return History(history.place, bench.driver, random.Random(SEED), ACTIONS)
