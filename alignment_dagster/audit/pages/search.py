"""What a study has under a few letters: artifacts, numbers of a report, documents."""

from collections.abc import Sequence
from urllib.parse import quote

from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.metrics import list_metrics
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.audit.trace.findings import list_findings
from alignment_dagster.audit.trace.printed_number import find_numbers, parse_printed
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.page_links import audit_page, audit_trace
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import label
from alignment_dagster.report.names import metric_name

MOST = 20
"""Of each kind that are listed."""
SHORTEST = 4
"""Characters of a document's id."""


def search_study(archive: Archive, wanted: str) -> Node:
    """Everything that fits, each with where it leads; a part that cannot be read says so."""
    artifacts = [
        Node(label(*key), link=audit_page(archive.study, *key))
        for key in archive.keys
        if wanted.casefold() in label(*key).casefold()
    ]
    found = [_cut("artifacts", artifacts)]
    if any(key[0] == REPORT for key in archive.keys):
        try:
            with open_report(archive) as opened:
                found.append(_cut("numbers of the current report", _numbers(opened, wanted)))
                found.append(_cut("documents behind it", _documents(opened, wanted)))
        except ArtifactError as error:
            found.append(Node(str(error), tone="bad"))
    return Node(f"{wanted} in {archive.study}", "", found, "strong")


def _numbers(opened: OpenedReport, wanted: str) -> list[Node]:
    """By value as printed, or by words that their names hold."""
    printed = parse_printed(wanted)
    fitting: list[tuple[str, float | None]]
    if printed is not None:
        try:
            fitting = [(one.name, one.value) for one in find_numbers(opened, printed)]
        except ArtifactError:
            fitting = []
    else:
        words = wanted.casefold().replace("/", " ").split()
        named = [
            *((metric_name(row), row.value) for row in list_metrics(opened) if row.seed is None),
            *((one.name, one.value) for one in list_findings(opened)),
        ]
        fitting = [one for one in named if all(word in one[0].casefold() for word in words)]
    study, version = opened.archive.study, opened.report.version
    return [
        Node(name, "" if value is None else f"{value:.4g}", link=audit_trace(study, version, name))
        for name, value in fitting
    ]


def _documents(opened: OpenedReport, wanted: str) -> list[Node]:
    """By the beginning of the id, or by file and line."""
    if len(wanted) < SHORTEST:
        return []
    rows = fetch_rows(
        opened.ledgers,
        "select document_id, source, path, line from documents "
        "where starts_with(document_id, ?) or path || ':' || line = ? or external_id = ? "
        "order by document_id",
        wanted.casefold(),
        wanted,
        wanted,
    )
    report = audit_page(opened.archive.study, REPORT, None, opened.report.version)
    return [
        Node(
            row["document_id"],
            f"{row['source']}; {row['path']}:{row['line']}",
            link=f"{report}/impact?document={quote(row['document_id'], safe='')}",
        )
        for row in rows
    ]


def _cut(title: str, nodes: Sequence[Node]) -> Node:
    more = len(nodes) - MOST
    detail = f"{len(nodes):,}" + (f", the first {MOST} of them" if more > 0 else "")
    return Node(title, detail, nodes[:MOST])
