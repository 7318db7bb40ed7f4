"""A finding's trace: what is said, the steps from metrics to it, and each metric's own trace."""

from collections.abc import Iterator, Mapping
from typing import Any

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.run_nodes import run_nodes
from alignment_dagster.audit.trace.derivation import Derivation
from alignment_dagster.audit.trace.findings import UNITS, Finding
from alignment_dagster.audit.trace.terms import Term
from alignment_dagster.foundation.page_links import audit_page, audit_trace
from alignment_dagster.lineage.archive import parse_name
from alignment_dagster.report.findings import read_findings
from alignment_dagster.report.names import (
    BENEFIT,
    CLAIM,
    DIFFERENCE,
    HALF_LIFE,
    MEAN_BENEFIT,
    PERSISTENCE,
    metric_name,
)
from alignment_dagster.report.results import ResultRow, origin
from alignment_dagster.report.verdicts import claim_verdicts

INTERVAL = (
    "The interval pairs scenarios, and covers scenarios and seeds; docs/measurement.md says how."
)
PAIRED = (CLAIM, DIFFERENCE, BENEFIT, MEAN_BENEFIT)


def finding_as_answer(opened: OpenedReport, found: Derivation) -> Answer:
    """The finding for the terminal, as JSON, and as a page."""
    finding, study = found.finding, opened.archive.study
    report = opened.report
    link = audit_page(study, report.asset, report.partition, report.version)
    blocks: list[Node | Table] = []
    if found.sums:
        rows = [[one.what, one.how, f"{one.value:.6f}"] for one in found.sums]
        blocks.append(Table("The steps from metrics to it", ["what", "how", "value"], rows))
    terms = [_term_node(opened, one) for one in found.terms]
    blocks.append(
        Node(
            finding.name,
            children=[*terms, Node(report.label, "the report that says it", link=link)],
            tone="strong",
        )
    )
    return Answer(
        title=_title(finding, _verdict(opened, finding)),
        sentences=list(_sentences(finding)),
        blocks=blocks,
        data=_as_json(opened, found),
        warnings=found.gaps,
    )


def _verdict(opened: OpenedReport, finding: Finding) -> str:
    if finding.kind != CLAIM:
        return ""
    words = claim_verdicts(read_findings(opened.report.path)["claims"])
    return f"{words[finding.row['name']]}: "


def _title(finding: Finding, verdict: str) -> str:
    if finding.value is None:
        return f"{finding.name}: {verdict}no number"
    shown = f"{finding.value:.4g}{UNITS.get(finding.kind, '')}"
    if finding.low is not None and finding.high is not None:
        shown += f" [{finding.low:.4g} {finding.high:.4g}]"
    return f"{finding.name} = {verdict}{shown}"


def _sentences(finding: Finding) -> Iterator[str]:
    row = finding.row
    if finding.kind == CLAIM:
        yield f"“{row['statement']}”"
        yield row["reason"] or row["sentence"]
        yield (
            f"Declared before {row['declared_before']} of the {row['checkpoints']} checkpoints "
            "behind it were trained."
        )
    elif finding.kind == DIFFERENCE:
        yield f"{row['metric']} of {row['recipe']} less that of {row['against']}."
    else:
        yield (
            f"Benefit of {row['recipe']}: the misalignment rate of {row['baseline']} less its own."
        )
    if finding.value is None and finding.kind in (PERSISTENCE, HALF_LIFE):
        yield f"No number: {row.get('note') or row.get('half_note') or 'none could be told'}."
    if "p_value" in row and not row.get("reason"):
        yield f"p = {row['p_value']:.4g}, after Holm's correction {row['p_holm']:.4g}."
    if finding.kind in PAIRED and finding.low is not None:
        yield INTERVAL
    if finding.kind == PERSISTENCE and finding.low is not None:
        yield "The interval is Fieller's; docs/measurement.md says how."
    if finding.kind == HALF_LIFE and row["half_tokens"] is not None:
        yield (
            f"After {row['half_tokens']:,.0f} tokens: between two points the benefit is taken to "
            "be straight in the logarithm of step + 1, tokens to be straight in steps."
        )


def _term_node(opened: OpenedReport, term: Term) -> Node:
    row, study = term.row, opened.archive.study
    name = metric_name(row)
    shown = f"{row.value:.4g} [{row.ci_low:.4g} {row.ci_high:.4g}]"
    command = Node(f"alignment audit trace {study} {name}", "its own trace", tone="dim")
    link = audit_trace(study, opened.report.version, name)
    return Node(name, f"{term.what}: {shown}", [command, *_measured_in(opened, row)], link=link)


def _measured_in(opened: OpenedReport, row: ResultRow) -> Iterator[Node]:
    """The artifacts in which a metric was measured, and their runs."""
    for name, version in row.artifacts.items():
        key = (*parse_name(name)[:2], version)
        if key[0] == origin(row.stage, row.metric):
            found = opened.archive.artifact(*key)
            page = audit_page(opened.archive.study, *key)
            yield Node(found.label, children=run_nodes(found), link=page)


def _as_json(opened: OpenedReport, found: Derivation) -> Mapping[str, Any]:
    finding = found.finding
    return {
        "study": opened.archive.study,
        "report": opened.report.label,
        "finding": finding.name,
        "value": finding.value,
        "ci_low": finding.low,
        "ci_high": finding.high,
        "row": dict(finding.row),
        "terms": [
            {
                "what": one.what,
                "metric": metric_name(one.row),
                "value": one.value,
                "pooled": one.row.value,
                "ci_low": one.row.ci_low,
                "ci_high": one.row.ci_high,
                "artifacts": one.row.artifacts,
            }
            for one in found.terms
        ],
        "steps": [{"what": one.what, "how": one.how, "value": one.value} for one in found.sums],
        "gaps": list(found.gaps),
    }
