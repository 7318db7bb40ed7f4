"""Rows as tables."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from alignment_dagster.report.html.content import Cell, Group, Line, Pivot
from alignment_dagster.report.names import row_name
from alignment_dagster.report.text import DASH, Interval, number, spaced, span

Row = TypeVar("Row")
Key = tuple[str, ...]


def pivot(
    caption: str,
    labels: tuple[str, ...],
    columns: Sequence[str],
    rows: Iterable[Row],
    label: Callable[[Row], Key],
    column: Callable[[Row], Hashable],
    cell: Callable[[Row], Cell],
    grouped: int,
    mark: Callable[[Key], bool] = lambda _: False,
) -> Pivot | None:
    """Rows by label and column.

    Args:
        caption: above the table.
        labels: headings of the labels that are no group's.
        columns: in the order of the table; `column` names one of them.
        rows: in the order of the table.
        label: the labels of a row, its group's first.
        column: the column of a row.
        cell: what stands there.
        grouped: so many of the first labels become the heading of a group.
        mark: whether the line of these labels stands out.

    Returns:
        None where there are no rows.
    """
    found: dict[Key, dict[Hashable, Cell]] = {}
    for row in rows:
        found.setdefault(label(row), {})[column(row)] = cell(row)
    lines = {
        key: tuple(cells.get(name, Cell(DASH)) for name in columns) for key, cells in found.items()
    }
    return _table(caption, labels, columns, list(lines.items()), grouped, mark)


def list_table(
    caption: str,
    labels: tuple[str, ...],
    columns: Sequence[str],
    rows: Iterable[Row],
    label: Callable[[Row], Key],
    cells: Callable[[Row], tuple[Cell, ...]],
    grouped: int,
    noted: bool = False,
) -> Pivot | None:
    """One line for each row, as `pivot`; where `noted`, the last column is text."""
    lines = [(label(row), cells(row)) for row in rows]
    return _table(caption, labels, columns, lines, grouped, lambda _: False, noted)


def interval_cell(row: Interval, digits: int, signed: bool = False) -> Cell:
    """`0.45` over `0.40 to 0.50`."""
    name = row_name(row)
    return bounds_cell(row.value, row.ci_low, row.ci_high, digits, signed, name)


def bounds_cell(
    value: float | None,
    low: float | None,
    high: float | None,
    digits: int,
    signed: bool = False,
    name: str = "",
) -> Cell:
    """The value over its interval, with its name; a dash where there is none."""
    shown = number(value, digits, signed)
    return Cell(shown, "" if shown == DASH else span(low, high, digits, signed), name=name)


def ranks(values: Iterable[str]) -> dict[str, int]:
    """Value → its place in the order of first appearance."""
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def _table(
    caption: str,
    labels: tuple[str, ...],
    columns: Sequence[str],
    lines: Sequence[tuple[Key, tuple[Cell, ...]]],
    grouped: int,
    mark: Callable[[Key], bool],
    noted: bool = False,
) -> Pivot | None:
    if not lines:
        return None
    found: dict[Key, list[Line]] = {}
    for key, cells in lines:
        line = Line(tuple(map(spaced, key[grouped:])), cells, mark(key))
        found.setdefault(key[:grouped], []).append(line)
    groups = tuple(
        Group(", ".join(map(spaced, heading)), tuple(members)) for heading, members in found.items()
    )
    return Pivot(caption, labels, tuple(map(spaced, columns)), groups, noted)
