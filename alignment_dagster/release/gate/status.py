"""What the regression gate of a study says of its current report."""

from alignment_dagster import chain
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import REPORT
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.release.gate.outcome import Outcome, read_outcome
from alignment_dagster.release.gate.reference import approval
from alignment_dagster.study import Study


def gate_refusal(study: Study, home: Home, report: Artifact) -> str | None:
    """Why a report does not pass as it is; None where it does, or no gate is declared.

    Raises:
        ArtifactError: if the gate was altered.
    """
    if study.gate is None:
        return None
    found = _outcome(study, home, report)
    if found is None:
        return f"The regression gate has not looked at {report.label} yet."
    return f"The regression gate blocks: {found.sentence}" if found.blocks else None


def gate_line(study: Study, home: Home, report: Artifact) -> str | None:
    """The gate's outcome in one line; None where the study declares no gate.

    Raises:
        ArtifactError: if the gate, or a review of the report, was altered.
    """
    if study.gate is None:
        return None
    found = _outcome(study, home, report)
    if found is None:
        return f"has not looked at this report yet (alignment run {study.name})"
    if not found.blocks:
        return f"passed. {found.sentence}"
    review = approval(open_archive(study.name, home), report, study.declaration.approvers)
    if review is None:
        return f"BLOCKED. {found.sentence}"
    return f"overridden by {review.reviewer}, who approved this report. {found.sentence}"


def _outcome(study: Study, home: Home, report: Artifact) -> Outcome | None:
    """Of the current gate, where it looked at this very report."""
    lake = Lake(home.lake)
    version = lake.journal(study.name).current(chain.REGRESSION_GATE, None)
    if version is None:
        return None
    gate = lake.open(study.name, chain.REGRESSION_GATE, None, version)
    first = gate.provenance.inputs.parents[0]
    about = (first.asset, first.digest) == (REPORT, report.digest)
    return read_outcome(gate) if about else None
