"""The check of a whole study: everything that the lake has of it, and both databases."""

import time
from dataclasses import replace

from alignment_dagster.audit.check.answers import check_answers
from alignment_dagster.audit.check.chains import check_chains
from alignment_dagster.audit.check.changes import changes_since
from alignment_dagster.audit.check.code import check_code
from alignment_dagster.audit.check.dagster_records import NOTHING
from alignment_dagster.audit.check.documents import check_documents
from alignment_dagster.audit.check.events import check_events, check_strays, read_dagster
from alignment_dagster.audit.check.file_hashes import FileHasher
from alignment_dagster.audit.check.journal import (
    ReadJournal,
    check_entries,
    check_head,
    read_journal,
)
from alignment_dagster.audit.check.mixes import check_mixes
from alignment_dagster.audit.check.mlflow_reader import read_mlflow
from alignment_dagster.audit.check.mlflow_runs import (
    check_runs,
    check_stray_runs,
    find_settled_keys,
)
from alignment_dagster.audit.check.numbers import check_numbers
from alignment_dagster.audit.check.records import check_parents, check_records
from alignment_dagster.audit.check.report import Change, CheckReport
from alignment_dagster.audit.check.resumed import note_resumed
from alignment_dagster.audit.check.reviews import (
    check_lost_reviews,
    check_reviews,
)
from alignment_dagster.audit.check.scope import Findings, Scope, count_workers
from alignment_dagster.audit.check.survey import survey
from alignment_dagster.audit.check.tombstones import check_tombstones
from alignment_dagster.audit.check.written import check_written
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.lineage.ancestry import children_of
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.journal_lines import Head
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key


def check_study(
    archive: Archive,
    home: Home,
    *,
    today: StaleReasons | None = None,
    since: Head | None = None,
    workers: int = count_workers(),
) -> CheckReport:
    """Recompute and cross-check everything that the lake has of a study; writes nothing.

    Args:
        today: the study as it is declared today; None where it is not declared (any more).
        since: the journal's head, as somebody kept it elsewhere.
        workers: threads that hash.
    """
    started = time.monotonic()
    found = Findings()
    artifacts = survey(archive, found)
    hashing = FileHasher(artifacts.values(), workers)
    scope = Scope(archive, home, artifacts, artifacts, found, children_of(artifacts.values()))
    journal = check_all_records(scope)
    if since is not None:
        check_head(scope, journal, since)
    _check_databases(scope, journal)
    hashing.report(found)
    check_contents(scope, hashing)
    changes = _changes(scope, journal, today)
    return CheckReport(
        study=archive.study,
        gaps=tuple(found.gaps),
        changes=changes,
        notes=tuple(found.notes),
        counts=dict(found.counts),
        seconds=time.monotonic() - started,
        head=journal.head,
    )


def _recorded_keys(scope: Scope) -> set[Key]:
    """Also the artifacts whose records cannot be read."""
    return set(scope.artifacts) | set(scope.archive.keys)


def check_all_records(scope: Scope) -> ReadJournal:
    """What lies in the lake but the files themselves; the journal as far as it can be read."""
    check_records(scope)
    check_code(scope)
    check_parents(scope, _recorded_keys(scope))
    journal = read_journal(scope)
    check_entries(scope, journal, _recorded_keys(scope))
    note_resumed(scope)
    check_reviews(scope)
    check_lost_reviews(scope, journal.reviews, "the journal")
    check_tombstones(scope, journal)
    return journal


def _check_databases(scope: Scope, journal: ReadJournal) -> None:
    there = _recorded_keys(scope)
    dagster = NOTHING
    with scope.findings.guard("dagster", "Dagster's database"):
        dagster = read_dagster(scope, journal)
        check_events(scope, journal, dagster)
        check_strays(scope, there, dagster, journal)
        check_lost_reviews(scope, dagster.reviews, "Dagster")
    with scope.findings.guard("mlflow", "MLflow's database"):
        mlflow = read_mlflow(scope.home, scope.study)
        check_runs(scope, mlflow, find_settled_keys(scope, journalled(journal)))
        check_stray_runs(scope, mlflow, there, dagster.alive)


def journalled(journal: ReadJournal) -> set[Key]:
    """The artifacts that the journal has a line for."""
    return {(line.entry.asset, line.entry.partition, line.entry.version) for line in journal.lines}


def check_contents(scope: Scope, hashing: FileHasher) -> None:
    """Chains, ledgers and numbers of the artifacts whose bytes are what they were.

    What was altered is a gap already; it is not read, for damaged files can crash their readers.
    """
    intact = {key: one for key, one in scope.artifacts.items() if hashing.is_intact(one)}
    rooted = {
        key: one
        for key, one in intact.items()
        if all(parent.key in intact for parent in one.provenance.inputs.parents)
    }
    whole = replace(scope, artifacts=rooted, known=intact)
    check_chains(whole)
    check_documents(whole)
    check_written(whole)
    check_mixes(whole)
    check_answers(whole)
    check_numbers(whole)


def find_changes_since_report(
    archive: Archive, home: Home, today: StaleReasons
) -> tuple[Change, ...]:
    """What differs from the current report; records alone are read."""
    found = Findings()
    artifacts = survey(archive, found)
    scope = Scope(archive, home, artifacts, artifacts, found, {})
    return _changes(scope, read_journal(scope), today)


def _changes(scope: Scope, journal: ReadJournal, today: StaleReasons | None) -> tuple[Change, ...]:
    if today is None:
        scope.findings.note(f"{scope.study} is not declared: nothing to compare the report with.")
        return ()
    current: dict[tuple[str, str | None], Artifact] = {}
    for line in journal.lines:
        entry = line.entry
        artifact = scope.artifacts.get(entry.key)
        if artifact is not None:
            current[entry.asset, entry.partition] = artifact
    report = current.get((REPORT, None))
    return () if report is None else changes_since(scope, report, current, today)
