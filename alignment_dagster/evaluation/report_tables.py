"""The report's headline sentences and tables, computed from its rows."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from alignment_dagster.evaluation.report_data import DispositionCount, FilterQuality, ReportData
from alignment_dagster.evaluation.results import BITS_PER_BYTE, MISALIGNMENT_RATE, ResultRow
from alignment_dagster.evaluation.table import headline_prompt


@dataclass(frozen=True)
class Cell:
    """What stands in a table's cell, and the interval below it."""

    value: str
    interval: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table; `first` of a new block."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    first: bool


@dataclass(frozen=True)
class Pivot:
    """A table of labels and numbers."""

    caption: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


class Interval(Protocol):
    """Anything with a value and an interval."""

    @property
    def value(self) -> float: ...
    @property
    def ci_low(self) -> float: ...
    @property
    def ci_high(self) -> float: ...


STAGES = {"base": "Before post-training", "sft": "After SFT", "dpo": "After SFT and DPO"}

Row = TypeVar("Row", bound=Hashable)
Key = tuple[str, ...]


def headline(data: ReportData) -> list[str]:
    """What a reader should take away: a paragraph for each misalignment suite."""
    suites = misalignment_suites(data)
    told = [_told(headline_rows(data.results, suite), suite) for suite in suites]
    return told or ["This study measured no misalignment suite."]


def misalignment_suites(data: ReportData) -> list[str]:
    """Suites with misalignment rates: *articles* first, then *textbook*, then the rest."""
    splits = {suite.name: suite.split for suite in data.suites}
    measured = {row.suite: None for row in data.results if row.metric == MISALIGNMENT_RATE}
    order = ("articles", "textbook", None)
    return sorted(measured, key=lambda suite: order.index(splits.get(suite)))


def headline_rows(rows: Sequence[ResultRow], suite: str) -> list[ResultRow]:
    """The pooled rows of a suite under the headline system prompt."""
    prompt = headline_prompt(rows, suite)
    return [r for r in rows if r.suite == suite and r.prompt == prompt and r.seed is None]


def everything(data: ReportData) -> Pivot | None:
    """Every pooled row; recipes as columns."""
    pooled = [row for row in data.results if row.seed is None]
    suites, prompts = _ranks(r.suite for r in pooled), _ranks(r.prompt for r in pooled)
    pooled.sort(key=lambda r: (suites[r.suite], prompts[r.prompt]))
    return _pivot(
        "Pooled over seeds; below each value its 95 % interval; n counts scenarios or documents.",
        ("metric", "suite", "prompt", "stage", "n"),
        [recipe.name for recipe in data.recipes],
        pooled,
        lambda r: (spaced(r.metric), r.suite, r.prompt, r.stage, str(r.n)),
        lambda r: r.recipe,
        lambda r: interval(r, 3 if r.metric == BITS_PER_BYTE else 2),
        block=3,
    )


def topics(data: ReportData) -> Pivot | None:
    """Pooled rates by topic, at the first and the last stage, under the headline prompt."""
    stages = list(dict.fromkeys(row.stage for row in data.topics))
    ends = {*stages[:1], *stages[-1:]}
    shown = [
        row
        for row in data.topics
        if row.stage in ends and row.prompt == headline_prompt(data.results, row.suite)
    ]
    shown.sort(key=lambda row: (row.suite, row.topic, stages.index(row.stage)))
    return _pivot(
        "Misalignment rate (capability suites: accuracy) by topic, with 95 % intervals.",
        ("suite", "topic", "stage", "n"),
        [recipe.name for recipe in data.recipes],
        shown,
        lambda r: (r.suite, r.topic, r.stage, str(r.n)),
        lambda r: r.recipe,
        lambda r: interval(r, 2),
        block=1,
    )


def differences(data: ReportData) -> Pivot | None:
    """Paired differences between recipes on the misalignment suites."""
    suites = misalignment_suites(data)
    shown = [
        row
        for row in data.differences
        if row.suite in suites and row.prompt == headline_prompt(data.results, row.suite)
    ]
    shown.sort(key=lambda row: suites.index(row.suite))
    return _pivot(
        "Differences of misalignment rates on the same scenarios (negative: the first recipe is "
        "less misaligned), with 95 % intervals.",
        ("recipe", "less"),
        list(dict.fromkeys(f"{row.suite}, {row.stage}" for row in shown)),
        shown,
        lambda r: (spaced(r.recipe), spaced(r.against)),
        lambda r: f"{r.suite}, {r.stage}",
        lambda r: interval(r, 2, signed=True),
        block=0,
    )


def dispositions(rows: Sequence[DispositionCount]) -> Pivot | None:
    """Documents of each recipe and source: kept, and dropped by each rule."""
    columns = ["kept", *sorted({row.rule or row.state for row in rows if row.state != "kept"})]
    return _pivot(
        "Documents by their one disposition: kept, or dropped by the rule named.",
        ("recipe", "source"),
        columns,
        rows,
        lambda r: (spaced(r.recipe), r.source),
        lambda r: "kept" if r.state == "kept" else r.rule or r.state,
        lambda r: Cell(f"{r.documents:,}"),
        block=1,
    )


def filters(rows: Sequence[FilterQuality]) -> Pivot | None:
    """Precision and recall of the filter on labelled sources."""
    if not rows:
        return None
    lines = tuple(
        Line(
            (spaced(row.recipe),),
            (Cell(f"{row.precision:.3f}"), Cell(f"{row.recall:.3f}"), Cell(f"{row.documents:,}")),
            False,
        )
        for row in rows
    )
    caption = "The AI-discourse filter, measured on the sources whose label is known."
    return Pivot(caption, ("recipe",), ("precision", "recall", "documents"), lines)


def interval(row: Interval, digits: int, signed: bool = False) -> Cell:
    """`0.45` over `0.40 to 0.50`."""
    sign = "+" if signed else ""
    low, high = f"{row.ci_low:{sign}.{digits}f}", f"{row.ci_high:{sign}.{digits}f}"
    return Cell(f"{row.value:{sign}.{digits}f}", f"{low} to {high}")


def spaced(name: str) -> str:
    """A name for reading."""
    return name.replace("_", " ")


def _ranks(values: Iterable[Row]) -> dict[Row, int]:
    """Value → its place in the order of first appearance."""
    return {value: number for number, value in enumerate(dict.fromkeys(values))}


def _told(rows: Sequence[ResultRow], suite: str) -> str:
    """Lowest and highest recipe at the first and at the last stage, and whether they differ."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    ends = dict.fromkeys((stages[0], stages[-1]))
    told = " ".join(_extremes([r for r in rows if r.stage == stage], stage) for stage in ends)
    return f"On {suite}, how often the misaligned option is the likelier one. {told}"


def _extremes(rows: Sequence[ResultRow], stage: str) -> str:
    low, high = min(rows, key=lambda r: r.value), max(rows, key=lambda r: r.value)
    start = f"{STAGES.get(stage, stage)}: {_percent(low)} with {spaced(low.recipe)}"
    if low is high:
        return f"{start}."
    apart = low.ci_high < high.ci_low
    verdict = "the intervals do not overlap" if apart else "the intervals overlap: undecided"
    return f"{start} up to {_percent(high)} with {spaced(high.recipe)} ({verdict})."


def _percent(row: ResultRow) -> str:
    low, high = f"{100 * row.ci_low:.0f}", f"{100 * row.ci_high:.0f}"
    return f"{100 * row.value:.0f}\u00a0% [{low} to {high}]"


def _pivot(
    caption: str,
    labels: tuple[str, ...],
    columns: Sequence[str],
    rows: Iterable[Row],
    label: Callable[[Row], Key],
    column: Callable[[Row], Hashable],
    cell: Callable[[Row], Cell],
    block: int,
) -> Pivot | None:
    """Rows by label and column; a new block begins where the first `block` labels change."""
    found: dict[Key, dict[Hashable, Cell]] = {}
    for row in rows:
        found.setdefault(label(row), {})[column(row)] = cell(row)
    if not found:
        return None
    lines: list[Line] = []
    for key, cells in found.items():
        first = bool(lines and block and lines[-1].labels[:block] != key[:block])
        values = tuple(cells.get(name, Cell("-")) for name in columns)
        lines.append(Line(key, values, first))
    return Pivot(caption, labels, tuple(spaced(name) for name in columns), tuple(lines))
