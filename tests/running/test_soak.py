"""The plan of `make soak`, which plays more than a hundred injected faults."""

from drills.soak.table import SEED, drawn, table


def test_the_plan_has_every_kind_and_is_the_same_for_a_seed() -> None:
    plan = drawn(110, SEED)
    assert {one.name for one in plan} == set(table())
    assert [one.name for one in plan] == [one.name for one in drawn(110, SEED)]
