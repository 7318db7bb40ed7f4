"""The gate's comparison of two reports, written as `gate.json` and its tables."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from alignment_dagster.audit.diff.side import Side
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.gate.data_changes import compare_data
from alignment_dagster.release.gate.flips import find_flips
from alignment_dagster.release.gate.outcome import Outcome
from alignment_dagster.release.gate.paired_test import Regression, as_table, find_regressions
from alignment_dagster.release.gate.shared_answers import ComparableAnswers, pair_answers
from alignment_dagster.report.text import count, number, p_value, span
from alignment_dagster.study import Gate


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
    pq.write_table(as_table(rows), folder / file_names.REGRESSIONS)
    pq.write_table(flipped, folder / file_names.FLIPS)
    _write_json(outcome.model_dump(mode="json"), folder / file_names.GATE)
    _write_json(difference, folder / file_names.DIFFERENCE)
    return outcome


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


def _write_json(content: object, path: Path) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
