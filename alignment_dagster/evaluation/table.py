"""The result table in the terminal: recipes as rows, what was measured as columns."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from alignment_dagster.evaluation.results import (
    BITS_PER_BYTE,
    HELD_OUT,
    MISALIGNMENT_RATE,
    NO_PROMPT,
    ResultRow,
)

WIDE = 9
"""Up to so many columns recipes are rows; beyond, each suite gets rows of its own."""

Column = tuple[str, str]
"""Suite and stage."""


def headline_prompt(rows: Sequence[ResultRow], suite: str) -> str:
    """The system prompt that stands in headlines: none, or the first there is."""
    prompts = list(dict.fromkeys(row.prompt for row in rows if row.suite == suite))
    return NO_PROMPT if NO_PROMPT in prompts or not prompts else prompts[0]


def terminal_table(rows: Sequence[ResultRow], title: str) -> Table:
    """Pooled values with their intervals; only the headline system prompt is shown."""
    shown = [row for row in rows if row.seed is None and _in_headline(rows, row)]
    columns = list(dict.fromkeys((row.suite, row.stage) for row in _ordered(shown)))
    if len(columns) <= WIDE:
        return _by_recipe(shown, columns, title)
    return _by_suite(shown, columns, title)


def cell(row: ResultRow | None) -> Text:
    """Value, and below it the interval."""
    if row is None:
        return Text("-", style="dim")
    digits = 3 if row.metric == BITS_PER_BYTE else 2
    text = Text(f"{row.value:.{digits}f}", style="bold")
    interval = f"[{row.ci_low:.{digits}f} {row.ci_high:.{digits}f}]"
    return text.append("\n" + interval, style="not bold dim")


def _by_recipe(rows: Sequence[ResultRow], columns: Sequence[Column], title: str) -> Table:
    table = Table(title=Text(title), caption=_caption(rows), show_lines=True)
    table.add_column("recipe")
    for suite, stage in columns:
        table.add_column(Text(f"{suite}\n{stage}"), justify="right", no_wrap=True)
    found = {(row.recipe, row.suite, row.stage): row for row in rows}
    for recipe in dict.fromkeys(row.recipe for row in rows):
        table.add_row(Text(recipe), *(cell(found.get((recipe, *column))) for column in columns))
    return table


def _by_suite(rows: Sequence[ResultRow], columns: Sequence[Column], title: str) -> Table:
    table = Table(title=Text(title), caption=_caption(rows))
    stages = list(dict.fromkeys(stage for _, stage in columns))
    for heading in ("suite", "recipe"):
        table.add_column(heading)
    for stage in stages:
        table.add_column(stage, justify="right", no_wrap=True)
    found = {(row.recipe, row.suite, row.stage): row for row in rows}
    for suite in dict.fromkeys(suite for suite, _ in columns):
        named = suite
        for recipe in dict.fromkeys(row.recipe for row in rows):
            cells = (_line(found.get((recipe, suite, stage))) for stage in stages)
            table.add_row(Text(named), Text(recipe), *cells)
            named = ""
        table.add_section()
    return table


def _line(row: ResultRow | None) -> Text:
    lines = cell(row).split("\n")
    return Text(" ").join(lines)


def _in_headline(rows: Sequence[ResultRow], row: ResultRow) -> bool:
    if row.suite.startswith(f"{HELD_OUT}/"):
        return False
    return row.prompt == headline_prompt(rows, row.suite)


def _ordered(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Misalignment first, then capability, then losses; within each in the order measured."""
    suites = list(dict.fromkeys(row.suite for row in rows))

    def rank(row: ResultRow) -> tuple[int, int]:
        kind = 0 if row.metric == MISALIGNMENT_RATE else 2 if row.metric == BITS_PER_BYTE else 1
        return kind, suites.index(row.suite)

    return sorted(rows, key=rank)


def _caption(rows: Sequence[ResultRow]) -> Text:
    seeds = max((row.seeds for row in rows), default=1)
    over = f"{seeds} seeds and scenarios" if seeds > 1 else "scenarios only (one seed)"
    return Text(
        f"95 % intervals over {over}. Misalignment rate: lower is better; accuracy: higher; "
        f"{HELD_OUT}: bits per byte, lower."
    )
