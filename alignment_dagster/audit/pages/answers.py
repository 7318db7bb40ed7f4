"""All answers behind a report, filtered by what is asked for in the address, a page at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.pages.answer_filters import (
    COLUMNS,
    FACETS,
    MARKS,
    NO,
    YES,
    Filters,
    filter_condition,
    read_filters,
)
from alignment_dagster.audit.pages.answer_page import render
from alignment_dagster.audit.pages.artifact_page import trail
from alignment_dagster.evaluation.options import TIE_RULE
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.page_links import audit_answers
from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.report.results import TAMPERED

PAGE = 50
LONGEST = 240
ID = 12


def answers_page(opened: OpenedReport, asked: Filters) -> str:
    """The answers that fit, each with its question and the option that was likelier.

    Args:
        opened: the report.
        asked: of `COLUMNS` and `MARKS` what is asked for, and `page` from 1 on.

    Raises:
        AlignmentError: if something else is asked for, or there is no such page.
    """
    filters, page = read_filters(asked)
    where, values = filter_condition(filters)
    answers = _load_answers(opened)
    (counted,) = fetch_rows(
        answers,
        "select count(*) as answers, coalesce(sum(hit), 0) as hits, "
        "count(*) filter (0 < hit and hit < 1) as ties, "
        f"count(*) filter (flipped) as flipped from answers where {where}",
        *values,
    )
    pages = max(1, -(-counted["answers"] // PAGE))
    if page > pages:
        raise AlignmentError(f"page {page:,}: there are {pages:,}")
    rows = fetch_rows(
        answers,
        f"select answers.*, question, ask, options from answers left join questions "
        f"using (suite, item_id) where {where} order by suite, line, item_id, stage, recipe, seed, "
        f"format, system_prompt, option_order limit {PAGE} offset {(page - 1) * PAGE}",
        *values,
    )
    answer = Answer(
        f"Answers behind {opened.report.label}",
        _sentences(opened, counted, filters, page, pages),
        [Node("filter", "", _facets(opened, answers, filters), "strong"), _table(rows, filters)],
        {},
    )
    archive = opened.archive
    return render(
        answer, trail=trail(archive, opened.report), doors=_turns(opened, asked, page, pages)
    )


def _address(opened: OpenedReport, filters: Filters) -> str:
    return audit_answers(opened.archive.study, opened.report.version, filters)


def _load_answers(opened: OpenedReport) -> duckdb.DuckDBPyConnection:
    """All answers as the table `answers`, each with whether the baseline's is another one.

    The table is this request's own: others may look at the same report.
    """
    ledgers = opened.ledgers.cursor()
    same = "suite, item_id, stage, format, option_order, system_prompt, seed"
    return ledgers.execute(
        "create temp table answers as select "
        f"{same}, recipe, items.topic, target, choice, items.hit::double as hit, "
        "base.hit is not null and base.hit is distinct from items.hit as flipped from items "
        f"left join (select {same}, hit from items where recipe = ?) as base using ({same})",
        [_baseline(opened)],
    )


def _baseline(opened: OpenedReport) -> str:
    return str(opened.report.provenance.declared.get("baseline", ""))


def _sentences(
    opened: OpenedReport, counted: Mapping[str, Any], filters: Filters, page: int, pages: int
) -> list[str]:
    chosen = ", ".join(f"{name} {value}" for name, value in filters.items()) or "all"
    return [
        f"{chosen}: {counted['answers']:,} answers, {counted['hits']:,.10g} hits, "
        f"{counted['ties']:,} ties ({TIE_RULE}), {counted['flipped']:,} flipped "
        f"(answered otherwise than by {_baseline(opened)}, of the same seed, to the "
        "same question asked the same way).",
        f"Page {page:,} of {pages:,}.",
    ]


def _facets(
    opened: OpenedReport, answers: duckdb.DuckDBPyConnection, filters: Filters
) -> list[Node]:
    """Every value that the other filters leave, with its count; the chosen one leads back."""
    nodes = []
    for name in FACETS:
        others = {at: value for at, value in filters.items() if at != name}
        where, values = filter_condition(others)
        found = fetch_rows(
            answers,
            f"select {COLUMNS[name]}::varchar as value, count(*) as answers "
            f"from answers where {where} group by all",
            *values,
        )
        found.sort(key=lambda row: _natural(row["value"]))
        nodes.append(
            _facet(opened, name, [(row["value"], row["answers"]) for row in found], filters)
        )
    marks: list[tuple[str, int | None]] = [(YES, None), (NO, None)]
    return [*nodes, *(_facet(opened, name, marks, filters) for name in MARKS)]


def _facet(
    opened: OpenedReport,
    name: str,
    found: Sequence[tuple[str, int | None]],
    filters: Filters,
) -> Node:
    others = {at: value for at, value in filters.items() if at != name}
    chosen = filters.get(name)
    children = [
        Node(
            value,
            "" if count is None else f"{count:,}",
            tone="strong" if value == chosen else "plain",
            link=_address(opened, {**others, name: value}),
        )
        for value, count in found
    ]
    if chosen is not None:
        children.insert(0, Node("any", tone="dim", link=_address(opened, others)))
    return Node(name, chosen or "any", children, folded=True)


def _natural(value: str) -> tuple[str, int]:
    """`tuning@2` stands before `tuning@16`."""
    name, _, step = value.partition(TAMPERED)
    return name, int(step) if step.isdecimal() else -1


def _turns(opened: OpenedReport, asked: Filters, page: int, pages: int) -> list[tuple[str, str]]:
    others = {name: value for name, value in asked.items() if name != "page"}
    turns = [(page - 1, "page before"), (page + 1, "next page"), (pages, "last page")]
    return [
        (_address(opened, {**others, "page": str(at)}), said)
        for at, said in turns
        if 0 < at <= pages and at != page
    ]


def _table(rows: Sequence[Mapping[str, Any]], filters: Filters) -> Table:
    """Without the columns that a filter has made the same in every row."""
    columns = {name: show for name, show in SHOWN.items() if name not in filters}
    shown = [[show(row) for show in columns.values()] for row in rows]
    return Table("Answers", list(columns), shown, stacked=True)


def _question(row: Mapping[str, Any]) -> str:
    return " ".join(part for part in (row["question"], row["ask"]) if part) or "(not in the report)"


def _option(row: Mapping[str, Any], at: str) -> str:
    options, place = row["options"] or [], row[at]
    return options[place] if place is not None and 0 <= place < len(options) else "-"


SHOWN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "suite": lambda row: str(row["suite"]),
    "item": lambda row: str(row["item_id"][:ID]),
    "question": lambda row: cut(_question(row), LONGEST),
    "recipe": lambda row: str(row["recipe"]),
    "seed": lambda row: str(row["seed"]),
    "stage": lambda row: str(row["stage"]),
    "format": lambda row: str(row["format"]),
    "order": lambda row: str(row["option_order"]),
    "prompt": lambda row: str(row["system_prompt"]),
    "likelier": lambda row: cut(_option(row, "choice"), LONGEST),
    "counted": lambda row: cut(_option(row, "target"), LONGEST),
    "hit": lambda row: (
        f"tie, {row['hit']:.3g}" if 0 < row["hit"] < 1 else YES if row["hit"] else NO
    ),
    "flipped": lambda row: YES if row["flipped"] else NO,
}
"""Column of the table → what stands there."""
