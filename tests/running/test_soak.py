"""Whatever goes wrong, it ends well: one injection; `make soak` plays more than a hundred."""

from collections.abc import Iterator

import pytest

from drills.soak.bench import Bench
from drills.soak.play import play
from drills.soak.table import SEED, Injection, drawn, table

pytestmark = pytest.mark.slow
FEW = ("the warehouse held open in a night",)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    found = Bench(tmp_path_factory.mktemp("soak"))
    yield found
    found.close()


@pytest.mark.parametrize("name", FEW)
def test_it_ends_well(bench: Bench, name: str) -> None:
    played = play(bench, Injection(0, name, table()[name], f"{SEED}/test"))
    if played.skipped:
        pytest.skip(played.outcome)
    assert played.wrong == [], played.outcome


def test_the_plan_has_every_kind_and_is_the_same_for_a_seed() -> None:
    plan = drawn(110, SEED)
    assert {one.name for one in plan} == set(table())
    assert [one.name for one in plan] == [one.name for one in drawn(110, SEED)]
