"""A number as it is printed somewhere, and what in a report rounds to it."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.metrics import list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.findings import UNITS, list_findings
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.page_links import audit_trace
from alignment_dagster.report.names import HALF_LIFE, PARTS, metric_name

PRINTED = re.compile(r"([+\-\u2212]?)(\d{1,3}(?:,\d{3})+|\d*)(?:\.(\d+))?\s?(%?)")
NEAREST = 5
PART_DIGITS = 2
"""After the point, of the numbers of topics and formats on a report's page."""


@dataclass(frozen=True)
class PrintedNumber:
    """`.573`, `-0.09`, `57 %`, `39,000`."""

    text: str
    value: float
    digits: int
    """After the point."""
    signed: bool
    """Whether a sign is given: without one, a number of either sign fits."""
    percent: bool

    def is_printed_for(self, value: float) -> bool:
        """Whether a number looks so when it is rounded to as many digits."""
        shown = f"{self.distance_scale(value):.{self.digits}f}"
        return float(shown) == self.value

    def distance_scale(self, value: float) -> float:
        """The number as it would be printed: in percent, or without its sign."""
        scaled = 100 * value if self.percent else value
        return scaled if self.signed else abs(scaled)


@dataclass(frozen=True)
class Number:
    """A number of a report."""

    name: str
    value: float
    low: float | None
    high: float | None
    what: str = ""


def parse_printed(text: str) -> PrintedNumber | None:
    """What a person copied from a page; None where it is a name."""
    found = PRINTED.fullmatch(text.strip())
    if found is None or not (found[2] or found[3]):
        return None
    sign, whole, fraction, percent = found.groups()
    value = float(f"{whole.replace(',', '') or '0'}.{fraction or '0'}")
    value = -value if sign in ("-", "\u2212") else value
    return PrintedNumber(text.strip(), value, len(fraction or ""), bool(sign), bool(percent))


def find_numbers(opened: OpenedReport, printed: PrintedNumber) -> list[Number]:
    """The numbers that round to what was printed: pooled ones, or else those of single seeds.

    Raises:
        ArtifactError: if there is none; names the nearest.
    """
    for numbers in _list_numbers(opened, printed):
        if found := [one for one in numbers if printed.is_printed_for(one.value)]:
            return found
    pooled = next(_list_numbers(opened, printed))
    near = sorted(pooled, key=lambda one: abs(printed.distance_scale(one.value) - printed.value))
    named = ", ".join(f"{one.value:.4g} ({one.name})" for one in near[:NEAREST])
    raise ArtifactError(
        f"no number of {opened.report.label} rounds to {printed.text} (near: {named})"
    )


def numbers_as_answer(
    opened: OpenedReport, printed: PrintedNumber, found: Sequence[Number]
) -> Answer:
    """The numbers that fit, each with what leads on from it."""
    study, report = opened.archive.study, opened.report
    rows = [[one.name, f"{one.value:.6g}{one.what}", one.low, one.high] for one in found]
    nodes = [
        Node(
            f"alignment audit trace {study} {shlex.quote(one.name)}",
            link=audit_trace(study, report.version, one.name),
        )
        for one in found
    ]
    return Answer(
        f"{printed.text}: {len(found)} numbers of {report.label} round to it",
        ("Trace the one that is meant by its name.",),
        [
            Table("What rounds to it", ["name", "value", "95 % from", "to"], rows),
            Node("each one's trace", children=nodes, tone="dim"),
        ],
        {
            "study": study,
            "report": report.label,
            "printed": printed.text,
            "numbers": [vars(one) for one in found],
        },
    )


def _list_numbers(opened: OpenedReport, printed: PrintedNumber) -> Iterator[list[Number]]:
    """All that was pooled over seeds, with the findings; then single seeds, and the rest.

    Topics and formats are printed with few digits: more of them are another number's.
    """
    rows = list_metrics(opened)
    every = list_findings(opened)
    coarse = printed.digits <= PART_DIGITS
    findings = [one for one in every if coarse or one.kind not in PARTS]
    left = [one for one in every if not coarse and one.kind in PARTS]
    pooled = [one for one in rows if one.seed is None]
    yield [
        *(Number(metric_name(one), one.value, one.ci_low, one.ci_high) for one in pooled),
        *(
            Number(one.name, one.value, one.low, one.high, UNITS.get(one.kind, ""))
            for one in findings
            if one.value is not None
        ),
        *(
            Number(one.name, one.row["half_tokens"], None, None, " tokens")
            for one in findings
            if one.kind == HALF_LIFE and one.row["half_tokens"] is not None
        ),
    ]
    yield [
        *(
            Number(metric_name(one), one.value, one.ci_low, one.ci_high)
            for one in rows
            if one.seed is not None
        ),
        *(Number(one.name, one.value, one.low, one.high) for one in left if one.value is not None),
    ]
