"""Whoever takes a calculator to the printed steps arrives at the printed number."""

from collections.abc import Sequence

import pytest

from alignment_dagster.audit.answer import Table
from alignment_dagster.audit.metrics import find_metric, list_metrics
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.arithmetic import Arithmetic, Part, build_steps, compute_steps
from alignment_dagster.audit.trace.chain import follow_chain
from alignment_dagster.audit.trace.metric_trace import trace_metric
from alignment_dagster.audit.trace.parquet import connect_memory
from alignment_dagster.audit.trace.step_tables import LN2, step_tables, write_rule
from tests.support.audited_study import Audited

PRINTED = 2e-6
"""Six digits after the point are printed, and the steps round once more."""


def calculate(seeds: Table, units: Table, *, is_loss: bool) -> float:
    """The number by the printed texts alone; each printed result is checked on the way."""
    found: dict[str, float] = {}
    groups: dict[str, list[tuple[float, float]]] = {}
    for seed, count, *shares, result in seeds.rows[:-1]:
        own = [row for row in units.rows if row[0] == seed]
        if is_loss:
            nats, size = shares
            assert number(count) == len(own)
            assert number(nats) == near(sum(number(row[2]) for row in own))
            assert number(size) == sum(number(row[3]) for row in own)
            found[str(seed)] = number(nats) / (float(LN2) * number(size))
        elif any(shares):
            parts = [share(one) for one in shares if one]
            groups.setdefault(str(seed), []).append((number(count), sum(parts) / len(parts)))
            assert number(result) == near(groups[str(seed)][-1][1])
            weights = sum(weight for weight, _ in groups[str(seed)])
            found[str(seed)] = sum(n * mean for n, mean in groups[str(seed)]) / weights
        else:
            above, printed = str(result).split(" = ")
            assert number(printed) == near(eval(above))
            found[str(seed)] = eval(above)
        assert_units(own, found[str(seed)], is_loss=is_loss, whole=number(count) == len(own))
    total = sum(found.values()) / len(found)
    assert number(seeds.rows[-1][-1]) == near(total)
    return total


def assert_units(
    own: Sequence[Sequence[object]], value: float, *, is_loss: bool, whole: bool
) -> None:
    """The single lines lead to the same."""
    if is_loss:
        return
    for row in own:
        parts = [share(one) for one in row[2:-1] if one]
        assert number(row[-1]) == near(sum(parts) / len(parts))
    if whole:
        assert value == near(sum(number(row[-1]) for row in own) / len(own))


def near(value: float) -> object:
    return pytest.approx(value, abs=PRINTED, rel=PRINTED)


def number(text: object) -> float:
    return float(str(text).replace(",", ""))


def share(text: object) -> float:
    above, below = (number(one) for one in str(text).split(" = ")[0].split(" / "))
    return above / below


@pytest.mark.slow
def test_every_number_of_a_report_follows_from_its_printed_steps(opened: OpenedReport) -> None:
    rows = list_metrics(opened)
    assert {row.metric for row in rows} >= {"misalignment_rate", "bits_per_byte", "attack_success"}
    for row in rows:
        chain = follow_chain(opened.archive, row)
        with connect_memory() as connection:
            steps = compute_steps(connection, chain)
        seeds, units = step_tables(steps, "scenario")
        assert calculate(seeds, units, is_loss=steps.is_loss) == near(row.value)
        assert len(seeds.rows) == row.seeds + 1
        assert len(units.rows) == row.n * row.seeds


@pytest.mark.slow
def test_steps_that_lead_elsewhere_are_said_first(altered: Audited) -> None:
    """Somebody wrote another number into the report."""
    path = altered.archive.report().path / "results.json"
    name = "bits_per_byte/held_out/dpo/aligned"
    with open_report(altered.archive) as opened:
        value = find_metric(opened, name).value
        path.write_text(path.read_text().replace(f"{value!r}", f"{value + 0.01!r}"))
        answer = trace_as_answer(trace_metric(opened, find_metric(opened, name)))
    assert (
        answer.warnings[0] == f"the steps give {value:.6f}, and the report says {value + 0.01:.6f}"
    )


def answered(*scenarios: tuple[Part, Part]) -> Arithmetic:
    """One seed's scenarios, by what was asked in two formats, and the steps over them."""
    rows = [
        {
            "seed": 0,
            "unit": f"s{place}",
            "form": form,
            "hits": hits,
            "asked": asked,
            "ties": hits % 1 > 0,
        }
        for place, parts in enumerate(scenarios)
        for form, (hits, asked) in zip(("plain", "letters"), parts, strict=True)
    ]
    return build_steps(rows, "misalignment_rate")


def test_formats_lead_to_the_number_where_every_scenario_was_asked_alike() -> None:
    """Four answers hit of twelve are .3333, and the rate is .375."""
    steps = answered(((1, 1), (1, 2)), ((1, 1), (0, 2)), ((0, 1), (1, 2)), ((0, 1), (0, 2)))
    seeds, units = step_tables(steps, "scenario")
    assert seeds.rows[0] == ["0", "4", "2 / 4 = 0.500000", "2 / 8 = 0.250000", "0.375000"]
    assert calculate(seeds, units, is_loss=False) == near(0.375)
    assert "All 4 hits / 12 answers would be 0.3333" in write_rule(steps, "scenario")


def test_ties_are_counted_and_printed_as_parts_of_a_hit() -> None:
    steps = answered(((0.5, 1), (1, 2)), ((1, 1), (0.5, 2)))
    seeds, units = step_tables(steps, "scenario")
    assert seeds.rows[0] == ["0", "2", "1.5 / 2 = 0.750000", "1.5 / 4 = 0.375000", "0.562500"]
    assert calculate(seeds, units, is_loss=False) == near(0.5625)
    assert "2 ties: where k options are equally likely" in write_rule(steps, "scenario")
    assert "ties" not in write_rule(answered(((1, 1), (1, 2))), "scenario")


def test_scenarios_that_were_asked_more_often_stand_apart_and_weigh_the_same() -> None:
    steps = answered(((1, 1), (1, 2)), ((0, 2), (1, 4)), ((2, 2), (1, 4)))
    seeds, units = step_tables(steps, "scenario")
    assert [row[1] for row in seeds.rows[:-1]] == ["1", "2", "3"]
    assert seeds.rows[2][-1] == "(1 * 0.750000 + 2 * 0.375000) / 3 = 0.500000"
    assert calculate(seeds, units, is_loss=False) == near((0.75 + 0.125 + 0.625) / 3)


def test_where_no_two_scenarios_were_asked_alike_their_means_are_added_up() -> None:
    steps = answered(*(((1, count), (0, 1)) for count in range(1, 10)))
    seeds, units = step_tables(steps, "scenario")
    assert len(seeds.rows) == 2
    expected = sum(1 / count / 2 for count in range(1, 10)) / 9
    assert calculate(seeds, units, is_loss=False) == near(expected)
    assert (len(units.rows), units.shown) == (9, 8)
