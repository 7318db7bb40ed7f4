"""Whoever takes a calculator to the printed steps arrives at the printed number."""

import math

import pytest

from alignment_dagster.audit.answer import Table
from alignment_dagster.audit.metrics import find_metric, list_metrics
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.arithmetic import Arithmetic, SeedStep, UnitStep, compute_steps
from alignment_dagster.audit.trace.chain import follow_chain
from alignment_dagster.audit.trace.metric_trace import trace_metric
from alignment_dagster.audit.trace.parquet import connect_memory
from alignment_dagster.audit.trace.step_tables import LN2, step_tables, write_rule
from tests.support.audited_study import Audited

PRINTED = 2e-6
"""Six digits after the point are printed, and the steps round once more."""


def calculate(seeds: Table, units: Table, *, is_loss: bool) -> float:
    """The number by the printed texts alone; each printed result is checked on the way."""
    found = []
    for seed, *shares, mean in seeds.rows[:-1]:
        own = [row for row in units.rows if row[0] == seed]
        if is_loss:
            documents, nats, size = shares
            assert number(documents) == len(own)
            assert number(nats) == near(sum(number(row[2]) for row in own))
            assert number(size) == sum(number(row[3]) for row in own)
            value = number(nats) / (float(LN2) * number(size))
        else:
            value = sum(share(one) for one in shares) / len(shares) if shares else share(mean)
            for row in own:
                parts = [share(one) for one in row[2:-1] if one]
                assert number(row[-1]) == near(sum(parts) / len(parts))
            assert value == near(sum(number(row[-1]) for row in own) / len(own))
        assert number(str(mean).split("= ")[-1]) == near(value)
        found.append(value)
    total = sum(found) / len(found)
    assert number(seeds.rows[-1][-1]) == near(total)
    return total


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


def test_scenarios_that_were_not_asked_alike_are_added_up_one_by_one() -> None:
    """Two orders in one format, two items in one scenario: hits over answers is another number."""
    units = (
        UnitStep(0, "one", {"plain": (1.0, 1), "letters": (1.0, 2)}, 0.75),
        UnitStep(0, "two", {"plain": (0.0, 2), "letters": (1.0, 4)}, 0.125),
    )
    seed = SeedStep(0, 2, {}, (0.875, 2), 0.4375)
    steps = Arithmetic(("plain", "letters"), units, (seed,), (3.0, 9), False, False)
    assert not steps.is_even
    assert calculate(*step_tables(steps, "scenario"), is_loss=False) == near(0.4375)
    assert "All 3 hits / 9 answers would be 0.3333" in write_rule(steps, "scenario")


def test_formats_lead_to_the_number_where_every_scenario_was_asked_alike() -> None:
    """Four answers hit of twelve are .3333, and the rate is .375."""
    units = tuple(
        UnitStep(0, f"s{place}", {"plain": (plain, 1), "letters": (letters, 2)}, value)
        for place, (plain, letters, value) in enumerate(
            [(1.0, 1.0, 0.75), (1.0, 0.0, 0.5), (0.0, 1.0, 0.25), (0.0, 0.0, 0.0)]
        )
    )
    parts = {"plain": (2.0, 4), "letters": (2.0, 8)}
    seed = SeedStep(0, 4, parts, (1.5, 4), 0.375)
    steps = Arithmetic(("plain", "letters"), units, (seed,), (4.0, 12), False, False)
    seeds, table = step_tables(steps, "scenario")
    assert seeds.rows[0] == ["0", "2 / 4 = 0.500000", "2 / 8 = 0.250000", "0.375000"]
    assert math.isclose(calculate(seeds, table, is_loss=False), 0.375)
    assert "All 4 hits / 12 answers would be 0.3333" in write_rule(steps, "scenario")
