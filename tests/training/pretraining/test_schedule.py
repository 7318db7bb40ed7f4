"""The learning rate rises, and then falls as declared."""

from itertools import pairwise

import pytest

from alignment_dagster.study import Pretraining
from alignment_dagster.training.pretraining.schedule import learning_rate


def rates(steps: int, **values: object) -> list[float]:
    declared = Pretraining.model_validate({"batch_size": 1, "learning_rate": 2.0, **values})
    return [learning_rate(step, steps, declared) for step in range(1, steps + 1)]


def test_cosine_rises_in_a_line_and_ends_at_the_final_rate() -> None:
    found = rates(100, warmup_share=0.1, final_rate=0.1)
    assert found[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert found[9:] == sorted(found[9:], reverse=True)
    assert found[54] == pytest.approx(2.0 * 0.55)
    assert found[-1] == pytest.approx(0.2)


def test_wsd_stays_and_then_falls_in_a_line_to_nearly_zero() -> None:
    found = rates(100, schedule="wsd", warmup_share=0.1, decay_share=0.2)
    assert found[9:80] == [2.0] * 71
    falls = [before - after for before, after in pairwise(found[80:])]
    assert falls == pytest.approx([2.0 / 21] * 19)
    assert found[-1] == pytest.approx(2.0 / 21)


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_no_step_of_a_short_run_is_wasted(schedule: str, steps: int) -> None:
    assert all(0 < rate <= 2.0 for rate in rates(steps, schedule=schedule))
    assert all(0 < rate <= 2.0 for rate in rates(steps, schedule=schedule, warmup_share=0))
