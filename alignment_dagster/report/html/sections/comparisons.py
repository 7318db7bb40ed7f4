"""Recipes against each other, on the same items."""

from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.html.content import Cell, Section, Text, keep_filled
from alignment_dagster.report.html.pivots import interval_cell, list_table, ranks
from alignment_dagster.report.html.selection import misalignment_suites
from alignment_dagster.report.rows import ComparisonRow, ReportData
from alignment_dagster.report.terminal_table import headline_prompt
from alignment_dagster.report.text import number, p_value
from alignment_dagster.report.verdicts import LEVEL

INTRO = (
    "Paired differences on the same scenarios, the first recipe less the second; on misalignment "
    "suites a negative one means that the first is less misaligned. p is of the paired test over "
    "seeds and scenarios, and stands again after Holm's correction over all comparisons of this "
    "table (claims are corrected over the claims: their p is another one); below 0.05 it is bold. "
    "McNemar's test counts the scenarios on which the majority of answers differs: b misaligned "
    "(or right) with the first recipe only, c with the second only. Detectable is the smallest "
    "difference that this many scenarios and seeds would find with 80 % "
    "power at a two-sided 5 %: a smaller true difference may well have been missed."
)


def section(data: ReportData) -> Section:
    """Every comparison under the headline prompt; misalignment suites first."""
    order = ranks([*misalignment_suites(data), *(row.suite for row in data.comparisons)])
    stages = ranks(row.stage for row in data.comparisons)
    shown = [
        row for row in data.comparisons if row.prompt == headline_prompt(data.results, row.suite)
    ]
    shown.sort(key=lambda row: (order[row.suite], stages[row.stage]))
    table = list_table(
        "Paired comparisons of recipes, with 95 % intervals; n counts scenarios.",
        ("recipes",),
        ("difference", "p", "p, Holm", "b, c", "McNemar p", "detectable", "n", "seeds"),
        shown,
        lambda r: (r.suite, r.stage, f"{r.recipe} less {r.against}"),
        _cells,
        grouped=2,
    )
    blocks = keep_filled(Text(INTRO) if shown else None, table)
    summary = "Paired differences and their p values"
    return Section("comparisons", "Comparisons of recipes", "", (), blocks, summary)


def _cells(row: ComparisonRow) -> tuple[Cell, ...]:
    digits = 3 if row.metric == BITS_PER_BYTE else 2
    return (
        interval_cell(row, digits, signed=True),
        Cell(p_value(row.p_value)),
        Cell(p_value(row.p_holm), mark=row.p_holm < LEVEL),
        Cell(f"{row.mcnemar_b:,}, {row.mcnemar_c:,}"),
        Cell(p_value(row.mcnemar_p)),
        Cell(number(row.detectable, digits)),
        Cell(f"{row.n:,}"),
        Cell(f"{row.seeds:,}"),
    )
