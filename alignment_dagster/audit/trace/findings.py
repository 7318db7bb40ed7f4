"""What a report found beyond single metrics, one by one and by name."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.audit.metrics import join_names, list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import similar
from alignment_dagster.report.cells import NO_PROMPT
from alignment_dagster.report.findings import Findings, read_findings
from alignment_dagster.report.names import (
    BENEFIT,
    CLAIM,
    DIFFERENCE,
    FORMAT,
    HALF_LIFE,
    MEAN_BENEFIT,
    PERSISTENCE,
    PREFIXES,
    TOPIC,
    finding_name,
)
from alignment_dagster.report.results import TAMPERED, ResultRow
from alignment_dagster.report.terminal_table import headline_prompt

UNITS: Mapping[str, str] = {HALF_LIFE: " steps"}
"""Kind of finding → what follows its value; nothing after most."""
ATTACK = "attack"
"""The prefix of what is a metric already: the share of items that an attack broke."""


@dataclass(frozen=True)
class Finding:
    """One number that was computed from several metrics, or from a part of the answers of one."""

    name: str
    kind: str
    """One of `PREFIXES`."""
    value: float | None
    """None where the report gives a reason instead."""
    low: float | None
    high: float | None
    row: Mapping[str, Any]
    """As the report has it."""


def list_findings(opened: OpenedReport) -> tuple[Finding, ...]:
    """Every finding of a report, each name once.

    Raises:
        ArtifactError: if the report has no readable findings.
    """
    found = read_findings(opened.report.path)
    every = _build_findings(found, last_steps(list_metrics(opened)))
    return tuple({one.name: one for one in reversed(list(every))}.values())[::-1]


def find_finding(opened: OpenedReport, name: str) -> Finding:
    """The one finding that a person means: its prefix, and any words of the rest in any order.

    Raises:
        ArtifactError: if none fits, or several do; lists near matches.
    """
    prefix, _, words = name.partition(":")
    known = [one for one in list_findings(opened) if one.kind == prefix]
    wanted = Counter(word for word in words.split("/") if word)
    fitting = [one for one in known if one.name == name] or [
        one for one in known if wanted and wanted <= Counter(_words(one))
    ]
    fitting = _prefer_headline(opened, fitting)
    if len(fitting) == 1:
        return fitting[0]
    names = [one.name for one in fitting or known]
    if fitting:
        raise ArtifactError(
            f"{name!r}: {len(names)} of {opened.report.label} fit; say more of: {join_names(names)}"
        )
    if prefix not in PREFIXES:
        prefixes = ", ".join(f"{one}:" for one in (*PREFIXES, ATTACK))
        raise ArtifactError(f"{name!r}: a name begins with one of {prefixes} or is a metric's")
    near = similar(name, names)
    raise ArtifactError(f"{name!r}: {opened.report.label} has no such {prefix} (near: {near})")


def last_steps(rows: Sequence[ResultRow]) -> dict[str, int]:
    """Tampering → the last step that was measured."""
    steps: dict[str, int] = {}
    for row in rows:
        name, tampered, step = row.stage.partition(TAMPERED)
        if tampered:
            steps[name] = max(int(step), steps.get(name, 0))
    return steps


def _words(one: Finding) -> list[str]:
    return one.name.partition(":")[2].split("/")


def _prefer_headline(opened: OpenedReport, found: list[Finding]) -> list[Finding]:
    """Of differences that fit alike, those under the prompt of the headlines."""
    if len(found) < 2 or found[0].kind != DIFFERENCE:
        return found
    rows = list_metrics(opened)
    own = [one for one in found if one.row["prompt"] == headline_prompt(rows, one.row["suite"])]
    return own or found


def _build_findings(found: Findings, last: Mapping[str, int]) -> Iterator[Finding]:
    for row in found["claims"]:
        name = finding_name(CLAIM, row["name"])
        numbers = (None, None, None) if row["reason"] else _numbers(row, "value", "ci_")
        yield Finding(name, CLAIM, *numbers, row)
    for row in found["comparisons"]:
        at = (row["suite"], row["stage"], row["prompt"])
        name = finding_name(DIFFERENCE, *at, row["recipe"], row["against"])
        yield Finding(name, DIFFERENCE, *_numbers(row, "value", "ci_"), row)
    for row in found["persistence"]:
        yield from _lasting(row, row["to_stage"], (row["from_stage"], row["to_stage"]))
    for row in found["erosion_summaries"]:
        tampering = row["tampering"]
        steps = (0, last.get(tampering, 0))
        ends = [f"{tampering}{TAMPERED}{step}" for step in steps]
        yield from _lasting(row, tampering, ends)
        words = (row["suite"], tampering, row["recipe"])
        half = (row["half_steps"], None, None)
        yield Finding(finding_name(HALF_LIFE, *words), HALF_LIFE, *half, row)
        area = _numbers(row, "area", "area_")
        yield Finding(finding_name(MEAN_BENEFIT, *words), MEAN_BENEFIT, *area, row)
    for row in found["topics"]:
        yield _part(TOPIC, row, row["prompt"])
    # A report that was made before formats had names of their own has no intervals of theirs.
    for row in (one for one in found["formats"] if "ci_low" in one):
        yield _part(FORMAT, row, NO_PROMPT)


def _part(kind: str, row: Mapping[str, Any], prompt: str) -> Finding:
    """A metric of the answers of one topic or in one format alone."""
    name = finding_name(kind, row["suite"], row[kind], row["stage"], row["recipe"], prompt)
    return Finding(name, kind, *_numbers(row, "value", "ci_"), row)


def _lasting(row: Mapping[str, Any], until: str, stages: Sequence[str]) -> Iterator[Finding]:
    """What is kept of a benefit, and the benefit at both ends."""
    name = finding_name(PERSISTENCE, row["suite"], until, row["recipe"])
    known = {**row, "stages": list(stages)}
    yield Finding(name, PERSISTENCE, *_numbers(row, "ratio", "ratio_"), known)
    for side, stage in zip(("before", "after"), stages, strict=True):
        name = finding_name(BENEFIT, row["suite"], stage, row["recipe"])
        own = {**known, "stage": stage, "at": side}
        yield Finding(name, BENEFIT, *_numbers(row, side, f"{side}_"), own)


Numbers = tuple[float | None, float | None, float | None]


def _numbers(row: Mapping[str, Any], value: str, interval: str) -> Numbers:
    return row[value], row[f"{interval}low"], row[f"{interval}high"]
