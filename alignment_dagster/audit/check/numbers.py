"""A report's numbers, computed again from the very artifacts that it names."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.check.claims import check_claims, equal, judge_again
from alignment_dagster.audit.check.parquet import read_table
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.gather.mart_check import find_mismatches
from alignment_dagster.report.gather.replicates import read_replicates
from alignment_dagster.report.results import (
    CODE_VERSION,
    ResultRow,
    read_results,
    result_rows,
    results_table,
)

VALUES = ("value", "n", "seeds", "artifacts")
INTERVALS = ("ci_low", "ci_high")
ASKED = {
    chain.EVALUATION: file_names.ITEMS,
    chain.TAMPERING: file_names.ITEMS,
    chain.ATTACKS: file_names.ATTACKS,
}

RowKey = tuple[str, int | None, str, str, str, str]


def check_numbers(scope: Scope) -> None:
    """Of every report in scope."""
    for report in scope.checked(chain.EVAL_REPORT):
        with scope.findings.guard("numbers", f"{report.label} {file_names.RESULTS}"):
            _check_report(scope, report)
        with scope.findings.guard("ledgers", f"{report.label} {file_names.QUESTIONS}"):
            _check_questions(scope, report)
        with scope.findings.guard("numbers", f"{report.label} {file_names.FINDINGS}"):
            _check_findings(scope, report)


def _check_report(scope: Scope, report: Artifact) -> None:
    rows = read_results(report.path / file_names.RESULTS)
    scope.findings.counts["numbers"] += len(rows)
    message = f"is not {file_names.RESULTS} as a table"
    same = read_table(report.path / file_names.RESULTS_TABLE).equals(results_table(rows))
    scope.findings.gap_if(
        not same, "numbers", f"{report.label} {file_names.RESULTS_TABLE}", message
    )
    parents = _parents(scope, report)
    mart = scope.parent(report, chain.METRICS)
    for problem in find_mismatches(rows, read_table(mart.path / file_names.METRICS), parents):
        scope.findings.gap(
            "numbers", f"{report.label} {file_names.RESULTS}", f"{problem} ({mart.label})"
        )
    measured = mart.provenance.declared["suites"]
    metrics = {suite["suite"]: suite["metric"] for suite in measured}
    replicates = read_replicates(parents)
    again = {_key(row): row for row in result_rows(replicates, metrics)}
    told = {_key(row): row for row in rows}
    fields = (*VALUES, *INTERVALS) if _same_statistics(report) else VALUES
    for key in told.keys() | again.keys():
        unlike = _find_difference(told.get(key), again.get(key), fields)
        scope.findings.gap_if(unlike, "numbers", f"{report.label} {_row_name(key)}", f"{unlike}")
    if _same_statistics(report):
        with scope.findings.guard("numbers", f"{report.label} {file_names.FINDINGS}"):
            check_claims(scope, report, judge_again(report, parents, replicates, metrics))


def _parents(scope: Scope, report: Artifact) -> Parents:
    return Parents(
        tuple(
            (ParentSpec(one.asset, one.partition, one.part), scope.known[one.key])
            for one in report.provenance.inputs.parents
        )
    )


def _same_statistics(report: Artifact) -> bool:
    """Whether intervals are computed today as they were for this report."""
    return report.provenance.inputs.code_version == CODE_VERSION


def _key(row: ResultRow) -> RowKey:
    return (row.recipe, row.seed, row.stage, row.suite, row.prompt, row.metric)


def _row_name(key: RowKey) -> str:
    recipe, seed, stage, suite, prompt, metric = key
    at_seed = "" if seed is None else f"/{seed}"
    return f"{metric}/{suite}/{stage}/{recipe}/{prompt}{at_seed}"


def _find_difference(
    told: ResultRow | None, again: ResultRow | None, fields: tuple[str, ...]
) -> str | None:
    if told is None or again is None:
        where = "the report" if told is None else "the artifacts that it names"
        return f"is not in {where}"
    for field in fields:
        one, other = getattr(told, field), getattr(again, field)
        if not equal(one, other):
            return f"{field} is {one!r}, and {other!r} computed again from the artifacts it names"
    return None


def _check_questions(scope: Scope, report: Artifact) -> None:
    """Whatever was asked stands in the report's questions."""
    listed = read_table(report.path / file_names.QUESTIONS, columns=["suite", "item_id"])
    known = set(zip(*(column.to_pylist() for column in listed), strict=True))
    for asset, name in ASKED.items():
        for measured in scope.parents(report, asset):
            items = read_table(measured.path / name, columns=["suite", "item_id"])
            scope.findings.counts["items"] += items.num_rows
            distinct = items.group_by(items.column_names).aggregate([]).select(items.column_names)
            asked = set(zip(*(column.to_pylist() for column in distinct), strict=True))
            strays = asked - known
            if strays:
                suite, item = sorted(strays)[0]
                message = (
                    f"lacks {len(strays)} items that {measured.label} asked, as {suite} {item}"
                )
                scope.findings.gap("ledgers", f"{report.label} {file_names.QUESTIONS}", message)


def _check_findings(scope: Scope, report: Artifact) -> None:
    """Findings that name artifacts name parents of the report."""
    content = json.loads((report.path / file_names.FINDINGS).read_text(encoding="utf-8"))
    parents = {
        f"{one.asset}[{one.partition}]" if one.partition else one.asset: one.version
        for one in report.provenance.inputs.parents
    }
    for name, version in _named(content):
        if parents.get(name) != version:
            message = f"names {name}@{version}, which is no parent of the report"
            scope.findings.gap("numbers", f"{report.label} {file_names.FINDINGS}", message)


def _named(content: Any) -> Iterator[tuple[str, str]]:
    """The pairs of every `artifacts` in it."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key == "artifacts" and isinstance(value, Mapping):
                yield from value.items()
            else:
                yield from _named(value)
    elif isinstance(content, list):
        for value in content:
            yield from _named(value)
