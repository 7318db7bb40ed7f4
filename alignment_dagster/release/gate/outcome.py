"""What the gate comes to: `gate.json`, and its tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from alignment_dagster.audit.diff.side import Side
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.gate.data_changes import compare_data
from alignment_dagster.release.gate.flips import find_flips
from alignment_dagster.release.gate.paired_test import Regression, as_table, find_regressions
from alignment_dagster.release.gate.shared_answers import ComparableAnswers, pair_answers
from alignment_dagster.report.html.text import count, number, p_value, span
from alignment_dagster.study import Gate

GATE, DIFFERENCE = file_names.GATE, file_names.DIFFERENCE
REGRESSIONS, FLIPS = file_names.REGRESSIONS, file_names.FLIPS
MAX_NAMED = 3
"""Numbers that a sentence names; the table has all."""
Lines = Annotated[tuple[str, ...], Field(strict=False)]


class Outcome(Declared):
    """What `gate.json` says."""

    report: str
    reference: str | None
    """The approved report that it was compared with."""
    approval: str | None
    """SHA-256 of the signed review by which this very report is approved."""
    suites: Lines
    stage: str
    margin: float
    compared: int
    """Numbers: one for each recipe, suite and system prompt."""
    flipped: int
    """Answers that changed."""
    worse: Lines
    """The numbers that are worse by more than the margin, beyond chance."""
    undecided: Lines
    """Those that may be, and may not."""
    not_compared: Lines
    largest: str
    """The number that rose most, or fell least."""

    @property
    def blocks(self) -> bool:
        """Whether anything is worse, or nothing could be compared; whatever a person decided."""
        return bool(self.worse) or (self.reference is not None and not self.compared)

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        if self.reference is None:
            return f"No other report is approved: {self.report} was compared with nothing."
        left = " The comparison is partial." if self.not_compared else ""
        against = f"against {self.reference}, {count(self.flipped, 'answer')} flipped.{left}"
        if not self.compared:
            return f"There is nothing that both reports measured: {self.report} {against}"
        if self.worse:
            return f"Worse by more than {self.margin:g}: {_join_some(self.worse)}; {against}"
        unsure = f"; undecided: {_join_some(self.undecided)}" if self.undecided else ""
        return (
            f"None of {count(self.compared, 'rate')} is worse by more than {self.margin:g} beyond "
            f"chance (largest change: {self.largest}){unsure}; {against}"
        )


def write_gate(
    archive: Archive,
    report: Artifact,
    reference: Artifact | None,
    approved_by: str | None,
    recipes: Sequence[str],
    gate: Gate,
    folder: Path,
) -> Outcome:
    """Compare, and write everything into a folder.

    Args:
        approved_by: SHA-256 of the review that approves this report itself.

    Raises:
        ArtifactError: if an artifact behind a report is not in the lake, or cannot be read.
    """
    found, difference = ComparableAnswers((), {}, ()), None
    rows: tuple[Regression, ...] = ()
    if reference is not None:
        then, now = Side(archive, "then", reference), Side(archive, "now", report)
        found = pair_answers(then, now, recipes, gate)
        rows = find_regressions(found.sides, found.metrics, gate.margin)
        difference = compare_data(then, now, recipes)
    flipped = find_flips(found.sides)
    outcome = Outcome(
        report=report.label,
        reference=reference.label if reference else None,
        approval=approved_by,
        suites=gate.suites,
        stage=gate.stage,
        margin=gate.margin,
        compared=len(rows),
        flipped=flipped.num_rows,
        worse=_format_regressions(rows, "worse"),
        undecided=_format_regressions(rows, "undecided"),
        not_compared=found.not_compared,
        largest=format_regression(max(rows, key=lambda row: row.change)) if rows else "",
    )
    pq.write_table(as_table(rows), folder / REGRESSIONS)
    pq.write_table(flipped, folder / FLIPS)
    _write_json(outcome.model_dump(mode="json"), folder / GATE)
    _write_json(difference, folder / DIFFERENCE)
    return outcome


def read_outcome(gate: Artifact) -> Outcome:
    """What a gate came to.

    Raises:
        ArtifactError: if its file is missing or damaged.
    """
    try:
        return Outcome.model_validate_json((gate.path / GATE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{gate.label}: {GATE} cannot be read ({error})") from None


def format_regression(row: Regression) -> str:
    """A number with its change, interval and corrected p-value."""
    moved = f"{number(row.then, 2)} → {number(row.now, 2)}"
    change = f"{number(row.change, 3, True)} [{span(row.ci_low, row.ci_high, 3, True)}]"
    seeds = "1 seed: of that very model" if row.seeds == 1 else f"{row.seeds} seeds"
    units = f"{count(row.scenarios, 'scenario')}, {seeds}"
    return f"{row.name} ({row.stage}): {moved}, {change}, p {p_value(row.p_holm)} ({units})"


def _format_regressions(rows: Sequence[Regression], outcome: str) -> tuple[str, ...]:
    own = sorted((row for row in rows if row.outcome == outcome), key=lambda row: -row.change)
    return tuple(format_regression(row) for row in own)


def _join_some(lines: Sequence[str]) -> str:
    more = f"; and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    return "; ".join(lines[:MAX_NAMED]) + more


def _write_json(content: object, path: Path) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
