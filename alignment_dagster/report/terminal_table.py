"""The result table in the terminal: a block for each suite, recipes as rows, stages as columns."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from alignment_dagster.report.cells import BITS_PER_BYTE, NO_PROMPT
from alignment_dagster.report.results import ResultRow, is_tampered
from alignment_dagster.study import ATTACK_SUCCESS, HELD_OUT, MISALIGNMENT_RATE


def headline_prompt(rows: Sequence[ResultRow], suite: str) -> str:
    """The system prompt that stands in headlines: none, or the first there is."""
    answers = [row for row in rows if row.suite == suite and row.metric != ATTACK_SUCCESS]
    prompts = list(dict.fromkeys(row.prompt for row in answers))
    return NO_PROMPT if NO_PROMPT in prompts or not prompts else prompts[0]


def rows_in_headlines(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """The pooled rows that the table shows, in its order."""
    prompts = {suite: headline_prompt(rows, suite) for suite in {row.suite for row in rows}}
    shown = [row for row in rows if _in_headline(row) and row.prompt == prompts[row.suite]]
    return _sort_by_metric(shown)


def terminal_table(rows: Sequence[ResultRow], title: str) -> Table:
    """Pooled values with their intervals; only the headline system prompt is shown."""
    shown = rows_in_headlines(rows)
    stages = list(dict.fromkeys(row.stage for row in shown))
    found = {(row.suite, row.recipe, row.stage): row for row in shown}
    table = Table(title=Text(title), caption=_caption(shown, title))
    table.add_column("suite", no_wrap=True)
    table.add_column("recipe", no_wrap=True)
    for stage in stages:
        table.add_column(Text(stage), justify="right", no_wrap=True)
    for suite in dict.fromkeys(row.suite for row in shown):
        for number, recipe in enumerate(dict.fromkeys(row.recipe for row in shown)):
            cells = (_cell(found.get((suite, recipe, stage))) for stage in stages)
            table.add_row(Text("" if number else suite), Text(recipe), *cells)
        table.add_section()
    return table


def _cell(row: ResultRow | None) -> Text:
    """Value and interval."""
    if row is None:
        return Text("-", style="dim")
    digits = 3 if row.metric == BITS_PER_BYTE else 2
    text = Text(f"{row.value:.{digits}f}", style="bold")
    interval = f" [{row.ci_low:.{digits}f} {row.ci_high:.{digits}f}]"
    return text.append(interval, style="not bold dim")


def _in_headline(row: ResultRow) -> bool:
    """Tampered stages and attacks have tables of their own."""
    if row.seed is not None or is_tampered(row.stage) or row.metric == ATTACK_SUCCESS:
        return False
    return not row.suite.startswith(f"{HELD_OUT}/")


def _sort_by_metric(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Misalignment first, then capability, then losses; within each in the order measured."""
    suites = list(dict.fromkeys(row.suite for row in rows))

    def rank(row: ResultRow) -> tuple[int, int]:
        kind = 0 if row.metric == MISALIGNMENT_RATE else 2 if row.metric == BITS_PER_BYTE else 1
        return kind, suites.index(row.suite)

    return sorted(rows, key=rank)


def _caption(rows: Sequence[ResultRow], study: str) -> Text:
    seeds = max((row.seeds for row in rows), default=1)
    over = f"{seeds} seeds and scenarios" if seeds > 1 else "scenarios only (one seed)"
    return Text(
        f"95 % intervals over {over}. Misalignment rate: lower is better; accuracy: higher; "
        f"{HELD_OUT}: bits per byte, lower.\n"
        f"A cell's steps and data: alignment audit trace {study} SUITE/STAGE/RECIPE"
    )
