"""Format variance and position bias, on tables small enough to count by hand."""

from typing import Any

import pyarrow as pa
import pytest

from alignment_dagster.report.diagnostics import FormatRate, format_rates


def row(
    format: str, order: int, choice: int, scenario: str = "s0", sums: Any = None, **fields: Any
) -> dict[str, Any]:
    return {
        "stage": "base",
        "suite": "drill",
        "format": format,
        "scenario_id": scenario,
        "option_order": order,
        "target": 1,
        "log_probabilities": sums or [-2.0, -1.0],
        "tokens": [4, 4],
        "choice": choice,
        "hit": choice == 1,
        **fields,
    }


def rates(*rows: dict[str, Any]) -> list[FormatRate]:
    return format_rates(pa.Table.from_pylist(list(rows)))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        # Options are shown turned around in order 1: the first one shown is then the last.
        (((0, 0), (1, 1)), 1.0),
        (((0, 1), (1, 0)), 0.0),
        (((0, 0), (1, 0)), 0.5),
        (((0, 1), (1, 1)), 0.5),
    ],
)
def test_position_bias_is_the_share_that_takes_what_is_shown_first(
    choices: tuple[tuple[int, int], ...], expected: float
) -> None:
    (rate,) = rates(*(row("listed", order, choice) for order, choice in choices))
    assert rate.first_shown == expected


def test_both_orders_count_alike() -> None:
    """Three answers in one order and one in the other: still half and half."""
    always_content = [row("letter", 0, 0, f"s{n}") for n in range(3)] + [row("letter", 1, 0)]
    (rate,) = rates(*always_content)
    assert rate.first_shown == 0.5


def test_forms_that_show_nothing_have_no_position() -> None:
    assert [rate.first_shown for rate in rates(row("dialogue", 0, 1))] == [None]
    assert [rate.first_shown for rate in rates(row("listed", 0, 1))] == [None]


def test_the_rate_is_a_mean_over_scenarios() -> None:
    found = rates(row("dialogue", 0, 1), row("dialogue", 0, 1), row("dialogue", 0, 0, "s1"))
    assert [rate.value for rate in found] == [0.5]


def test_options_compared_by_their_sum_can_give_another_rate() -> None:
    (rate,) = rates(row("dialogue", 0, 0, sums=[-8.0, -4.0]))
    assert (rate.value, rate.summed) == (0.0, 1.0)


def test_by_length_is_the_summed_rate_where_all_tokens_are_equally_likely() -> None:
    """Of three scenarios the counted option is the shorter, the longer, and as long as the other;
    what the model says of them is no matter.
    """
    lengths = [[4, 3], [2, 3], [5, 5]]
    asked = [row("dialogue", 0, 0, f"s{n}", tokens=one) for n, one in enumerate(lengths)]
    (rate,) = rates(*asked)
    assert rate.by_length == pytest.approx((1 + 0 + 1 / 2) / 3)
    flat = [{**one, "log_probabilities": [-7.0 * n for n in one["tokens"]]} for one in asked]
    (rate,) = rates(*flat)
    assert rate.summed == rate.by_length


def test_free_answers_have_no_options_to_compare() -> None:
    free = {
        **row("dialogue", 0, -1),
        "log_probabilities": [],
        "tokens": [],
        "hit": True,
        "target": 0,
    }
    (rate,) = rates(free)
    assert (rate.value, rate.summed, rate.by_length, rate.first_shown) == (1.0, None, None, None)


def test_the_spread_is_over_formats() -> None:
    found = rates(
        row("dialogue", 0, 1),
        row("listed", 0, 0),
        row("listed", 1, 0),
        row("dialogue", 0, 1, stage="dpo"),
    )
    assert [(rate.stage, rate.format, rate.value) for rate in found] == [
        ("base", "dialogue", 1.0),
        ("base", "listed", 0.0),
        ("dpo", "dialogue", 1.0),
    ]
