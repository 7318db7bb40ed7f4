"""What Dagster shows of asset checks, and has in its log, against what the provenance says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from alignment_dagster import chain
from alignment_dagster.audit.check.dagster_records import (
    SUCCESS,
    CheckResult,
    DagsterRecords,
    Event,
)
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage.provenance import Key

MARTS = frozenset({chain.DOCUMENTS, chain.DISPOSITIONS, chain.MIX_COMPOSITION, chain.METRICS})
"""Their checks are dbt's tests: all have passed, or there is no artifact."""

ResultsByRun = Mapping[tuple[str, str], Sequence[CheckResult]]
"""Run and asset → outcomes."""


def compare_check_results(
    scope: Scope, events: Mapping[Key, Sequence[Event]], dagster: DagsterRecords
) -> None:
    """Of every event of every artifact in scope."""
    places = {
        "Dagster's page": _by_run(dagster.page_results),
        "Dagster's log": _by_run(dagster.log_results),
    }
    for key, artifact in scope.artifacts.items():
        for event in events.get(key, ()):
            at = (event.run_id, artifact.asset)
            expected = {check.name: check.passed for check in artifact.provenance.checks}
            if artifact.asset in MARTS:
                expected = {one.check: True for told in places.values() for one in told[at]}
            scope.findings.counts["asset checks"] += len(expected)
            for place, told in places.items():
                found = [one for one in told[at] if one.partition in (None, artifact.partition)]
                for name, passed in expected.items():
                    subject = f"check {name} of {artifact.label} in run {event.run_id}"
                    outcomes = {one.passed for one in found if one.check == name}
                    ended = dagster.runs.get(event.run_id) == SUCCESS
                    _compare(scope, subject, passed, outcomes, place, ended=ended)


def _by_run(evaluations: Iterable[CheckResult]) -> ResultsByRun:
    found: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for evaluation in evaluations:
        found[evaluation.run_id, evaluation.asset].append(evaluation)
    return found


def _compare(
    scope: Scope, subject: str, passed: bool, outcomes: set[bool], place: str, *, ended: bool
) -> None:
    """A run that was killed may have lost an evaluation; one that succeeded has all."""
    if not outcomes <= {passed}:
        recorded = "passed" if passed else "failed"
        message = f"{place} says otherwise than what is recorded: it {recorded}"
        scope.findings.gap("dagster", subject, message)
    scope.findings.gap_if(ended and not outcomes, "dagster", subject, f"{place} has no evaluation")
