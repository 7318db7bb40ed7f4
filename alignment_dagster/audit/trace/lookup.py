"""From what a person quotes, a name or a printed number, to its trace."""

from dataclasses import replace

from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.audit.metrics import find_metric, list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.chain import Part
from alignment_dagster.audit.trace.derivation import derive
from alignment_dagster.audit.trace.finding_answer import finding_as_answer
from alignment_dagster.audit.trace.findings import ATTACK, Finding, find_finding, list_findings
from alignment_dagster.audit.trace.metric_trace import MAX_EXAMPLES, trace_metric
from alignment_dagster.audit.trace.printed_number import (
    find_numbers,
    numbers_as_answer,
    parse_printed,
)
from alignment_dagster.audit.trace.terms import Sources
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report.cells import NO_PROMPT
from alignment_dagster.report.gather.durability import mean_tokens
from alignment_dagster.report.gather.replicates import tampering_tokens
from alignment_dagster.report.names import HALF_LIFE, PARTS, PREFIXES
from alignment_dagster.study import ATTACK_SUCCESS


def trace_quoted(opened: OpenedReport, quoted: str, top: int = MAX_EXAMPLES) -> Answer:
    """The trace of a metric, of a finding, or of the only number that is printed so.

    Args:
        opened: the report.
        quoted: words of a metric's name; a finding's name (`claim:…`, `difference:…`, …); or a
            number as printed, of which several may fit: they are listed.
        top: how many items, and how many documents of a mix, are shown in full.

    Raises:
        ArtifactError: if nothing fits, or several names do; lists near matches.
    """
    printed = parse_printed(quoted)
    if printed is not None:
        found = find_numbers(opened, printed)
        if len(found) > 1:
            return numbers_as_answer(opened, printed, found)
        quoted = found[0].name
    finding = _as_finding(opened, quoted)
    if finding is not None:
        if finding.kind in PARTS:
            return _trace_part(opened, finding, top)
        return _trace_finding(opened, finding)
    return trace_as_answer(trace_metric(opened, find_metric(opened, _as_metric(quoted)), top))


def require_metric(quoted: str) -> str:
    """The name of a metric, for what only a metric has.

    Raises:
        ArtifactError: if it is the name of a finding, or a number.
    """
    if parse_printed(quoted) is not None or quoted.partition(":")[0] in PREFIXES:
        raise ArtifactError(
            f"{quoted!r}: --document and --export take a metric; trace {quoted} without them, it "
            "names the metrics that it rests on"
        )
    return _as_metric(quoted)


def _as_metric(quoted: str) -> str:
    """`attack:WORDS` is a metric by another name."""
    prefix, colon, words = quoted.partition(":")
    return f"{ATTACK_SUCCESS}/{words}" if colon and prefix == ATTACK else quoted


def _as_finding(opened: OpenedReport, quoted: str) -> Finding | None:
    """A finding by its name; of a claim, its own name alone does."""
    prefix, colon, _ = quoted.partition(":")
    if colon and prefix != ATTACK:
        return find_finding(opened, quoted)
    if "/" in quoted or colon:
        return None
    own = (one for one in list_findings(opened) if one.row.get("name") == quoted)
    return next(own, None)


def _trace_part(opened: OpenedReport, finding: Finding, top: int) -> Answer:
    """The trace of the metric, of its answers of one topic or in one format alone."""
    own, at = finding.row, ("suite", "stage", "recipe")
    whole = next(
        row
        for row in list_metrics(opened)
        if all(getattr(row, name) == own[name] for name in at)
        and (row.prompt, row.seed) == (own.get("prompt", NO_PROMPT), None)
        and row.metric != ATTACK_SUCCESS
    )
    numbers = {name: own[name] for name in ("value", "ci_low", "ci_high", "n")}
    part = Part(finding.name, finding.kind, own[finding.kind])
    return trace_as_answer(trace_metric(opened, replace(whole, **numbers), top, part))


def _trace_finding(opened: OpenedReport, finding: Finding) -> Answer:
    tokens = {}
    if finding.kind == HALF_LIFE:
        side = Side(opened.archive, opened.report.label, opened.report)
        recipe = finding.row["recipe"]
        tokens = {
            (*at, recipe): mean_tokens(own, recipe) for at, own in tampering_tokens(side).items()
        }
    sources = Sources(list_metrics(opened), tokens)
    return finding_as_answer(opened, derive(finding, sources))
