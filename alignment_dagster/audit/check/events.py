"""Dagster's events and runs against the lake and the journal."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from alignment_dagster.audit.check.check_results import compare_check_results
from alignment_dagster.audit.check.dagster_records import (
    SUCCESS,
    DagsterRecords,
    Event,
    open_records,
    read_records,
)
from alignment_dagster.audit.check.event_metadata import expected_metadata, plain
from alignment_dagster.audit.check.gone_runs import Gone
from alignment_dagster.audit.check.journal import JournalLine, ReadJournal
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.provenance import Key

VERSION = "artifact_version"
REUSED = "reused"
LONGEST = 80
"""Characters of a value in a message."""


def read_dagster(scope: Scope, journal: ReadJournal, instance: Any | None = None) -> DagsterRecords:
    """What Dagster knows of the scope's assets; an `instance` that is open already is used."""
    assets = sorted(
        {key[0] for key in scope.artifacts} | {one.entry.asset for one in journal.lines}
    )
    runs = {line.entry.dagster_run_id for line in journal.lines}
    runs |= {one.provenance.dagster_run_id or "" for one in scope.artifacts.values()}
    if instance is not None:
        return read_records(instance, scope.study, assets, runs)
    with open_records(scope.home) as own:
        return read_records(own, scope.study, assets, runs)


def check_events(scope: Scope, journal: ReadJournal, dagster: DagsterRecords) -> None:
    """Every artifact has an event that names it, and every event its line in the journal."""
    events: dict[Key, list[Event]] = defaultdict(list)
    for event in dagster.events:
        if event.name not in journal.acknowledged:
            version = str(event.metadata.get(VERSION))
            events[event.asset, event.partition, version].append(event)
    written: dict[Key, list[JournalLine]] = defaultdict(list)
    for line in journal.lines:
        written[line.entry.asset, line.entry.partition, line.entry.version].append(line)
    gone = Gone(scope, journal, dagster, events, written)
    for key, artifact in scope.artifacts.items():
        for event in events.get(key, ()):
            _check_event(scope, artifact, event, written.get(key, ()), gone)
        for line in written.get(key, ()):
            _check_line(scope, artifact, line, events.get(key, ()), gone)
        if not events.get(key):
            _check_unreported(scope, artifact, bool(written.get(key)), gone)
    named = {event.run_id for key in scope.artifacts for event in events.get(key, ())}
    scope.findings.counts["dagster runs"] += len(named)
    for run in sorted(named & dagster.succeeded):
        status = dagster.runs.get(run, SUCCESS)
        message = f"Dagster shows {status}, its log says that it succeeded"
        scope.findings.gap_if(status != SUCCESS, "dagster", f"run {run}", message)
    compare_check_results(scope, events, dagster)
    gone.say()


def check_strays(
    scope: Scope, there: Collection[Key], dagster: DagsterRecords, journal: ReadJournal
) -> None:
    """Every event names an artifact that is in the lake; only for the whole study."""
    for event in dagster.events:
        version = event.metadata.get(VERSION)
        key = (event.asset, event.partition, str(version))
        subject = f"event of {label(*key)} in run {event.run_id}"
        if event.name in journal.acknowledged:
            scope.findings.counts["events acknowledged"] += 1
        elif version is None:
            scope.findings.gap("dagster", subject, "names no version of an artifact")
        elif key not in there:
            scope.findings.gap("dagster", subject, "names an artifact that is not in the lake")


def _check_event(
    scope: Scope,
    artifact: Artifact,
    event: Event,
    lines: Iterable[JournalLine],
    gone: Gone,
) -> None:
    scope.findings.counts["events"] += 1
    subject = f"event of {artifact.label} in run {event.run_id}"
    try:
        expected = expected_metadata(artifact)
    except ArtifactError:
        expected = {}  # a gap of its records already
    for name, value in expected.items():
        told = plain(name, event.metadata.get(name))
        message = f"says {name} {_short(told)}, the lake {_short(value)}"
        scope.findings.gap_if(told != value, "dagster", subject, message)
    message = f"has the data version {event.data_version}, the lake {artifact.digest}"
    scope.findings.gap_if(event.data_version != artifact.digest, "dagster", subject, message)
    if event.run_id not in gone.dagster.runs and not gone.is_settled(artifact.key, event.run_id):
        scope.findings.gap("dagster", subject, "its run is gone from Dagster")
    own = [line for line in lines if line.entry.dagster_run_id == event.run_id]
    scope.findings.gap_if(not own, "journal", subject, "has no line in the journal")
    if own and event.metadata.get(REUSED) not in [line.entry.reused for line in own]:
        message = f"says {REUSED} {event.metadata.get(REUSED)}, unlike {own[0].name}"
        scope.findings.gap("dagster", subject, message)


def _short(value: Any) -> str:
    return cut(" ".join(str(value).split()), LONGEST)


def _check_line(
    scope: Scope,
    artifact: Artifact,
    line: JournalLine,
    events: Iterable[Event],
    gone: Gone,
) -> None:
    """A line was written just before an event: only a run that was killed there lacks it."""
    run = line.entry.dagster_run_id
    if any(event.run_id == run for event in events):
        return
    status = gone.dagster.runs.get(run)
    if status is None:
        message = f"Dagster's run {run}, which reported it, is gone, and so is its event"
        settled = gone.is_settled(artifact.key, run)
        scope.findings.gap_if(not settled, "dagster", artifact.label, message)
    elif status == SUCCESS or run in gone.dagster.succeeded:
        message = f"Dagster's event is missing, in run {run}, which succeeded"
        scope.findings.gap("dagster", artifact.label, message)
    else:
        _note_interrupted(scope, artifact, run, gone.dagster)


def _check_unreported(scope: Scope, artifact: Artifact, journalled: bool, gone: Gone) -> None:
    """An artifact without any event."""
    key, dagster = artifact.key, gone.dagster
    run = artifact.provenance.dagster_run_id or ""
    if run not in dagster.runs and gone.is_settled(key, run):
        return
    if key in scope.children:
        used = label(*scope.children[key][0])
        message = f"Dagster's event is missing, and {used} was made from it"
        scope.findings.gap("dagster", artifact.label, message)
    elif run not in dagster.runs:
        message = f"Dagster's run {run}, which made it, is gone, and so is its event"
        scope.findings.gap("dagster", artifact.label, message)
    elif journalled:
        return  # said of the line already
    elif dagster.runs[run] == SUCCESS or run in dagster.succeeded:
        message = f"Dagster's event is missing, in run {run}, which succeeded"
        scope.findings.gap("dagster", artifact.label, message)
    else:
        _note_interrupted(scope, artifact, run, dagster)


def _note_interrupted(scope: Scope, artifact: Artifact, run: str, dagster: DagsterRecords) -> None:
    how = "goes on" if run in dagster.alive else f"ended early ({dagster.runs[run]})"
    scope.findings.note(f"{artifact.label} has no event in Dagster's run {run}, which {how}.")
