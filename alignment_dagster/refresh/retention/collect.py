"""`alignment lake gc`: what Dagster says of a study, and nobody beside while files are removed."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import dagster as dg

from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.check.dagster_records import UNFINISHED, open_records
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.process_owner import PROCESS_TAG, is_dead
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.review_events import told_reviews
from alignment_dagster.graph.staleness import Staleness
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.locks import run_lock
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.refresh.retention.answer import answer
from alignment_dagster.refresh.retention.leftovers import LETTERS, WorkKey, work_folders
from alignment_dagster.refresh.retention.plan import Plan, Use, plan
from alignment_dagster.refresh.retention.remove import remove
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study


def collect_garbage(study: Study, *, delete: bool) -> Answer:
    """Find what nothing refers to, and remove it where asked.

    Raises:
        AlignmentError: if the study does not verify, somebody is working with it, or the lake
            cannot be written to; nothing is removed then.
    """
    home = Home.from_environment()
    archive = open_archive(study.name, home)
    if delete and archive.lake.shared is not None:
        raise AlignmentError(
            "the lake is shared: other machines may refer to what nothing does here"
        )
    with ExitStack() as stack:
        if delete:
            _lock_out_others(stack, home, archive, study)
        now = datetime.now(UTC)
        found = plan(archive, home, study, _use(home, archive, study), now)
        if delete:
            _refuse_running(found)
            remove(found, study, now)
    return answer(found, deleted=delete)


def _lock_out_others(stack: ExitStack, home: Home, archive: Archive, study: Study) -> None:
    """No `alignment run`, no step of any run, no other gc, and no review begins meanwhile."""
    try:
        stack.enter_context(run_lock(home, study.name))
        stack.enter_context(archive.lake.exclusive_lock(study.name))
    except OSError as error:
        message = f"{error.filename}: cannot be written to ({error.strerror})"
        raise ArtifactError(message) from None


def _refuse_running(found: Plan) -> None:
    for run, status in found.running.items():
        raise AlignmentError(
            f"study {found.archive.study!r}: run {run} is {status} in Dagster; wait for its end, "
            "or end it there if its process is gone"
        )


def _use(home: Home, archive: Archive, study: Study) -> Use:
    with open_records(home) as instance:
        running = list(_unfinished(instance))
        own = {run.run_id: run.status.value for run in running if _is_of(run, study.name)}
        return Use(
            current=list(_current(instance, archive)),
            reviewed=[(REPORT, None, one.report) for one in told_reviews(instance, study.name)],
            running=own,
            others=len(running) > len(own),
            wanted=frozenset(_wanted(instance, home, archive, study)),
        )


def _unfinished(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    """Runs that have not ended and whose process, as far as is known, lives."""
    statuses = [dg.DagsterRunStatus(name) for name in UNFINISHED]
    for run in instance.get_runs(dg.RunsFilter(statuses=statuses)):
        if not is_dead(run.tags.get(PROCESS_TAG)):
            yield run


def _is_of(run: dg.DagsterRun, study: str) -> bool:
    """Whether a run makes assets of the study, or does not say of which."""
    return not run.asset_selection or any(key.path[0] == study for key in run.asset_selection)


def _current(instance: dg.DagsterInstance, archive: Archive) -> Iterator[Key]:
    for asset, partition in dict.fromkeys(key[:2] for key in archive.keys):
        version = current_version(instance, archive.lake, archive.study, asset, partition)
        if version is not None:
            yield (asset, partition, version)


def _wanted(
    instance: dg.DagsterInstance, home: Home, archive: Archive, study: Study
) -> Iterator[WorkKey]:
    """What each step would be made from now; only asked where there are work folders."""
    assets = {asset for asset, _ in work_folders(home, study.name)}
    staleness = Staleness(instance, archive.lake, study, STEPS)
    for step in (step for step in STEPS.values() if step.asset in assets and step.exists(study)):
        for partition in step.partitions(study) or (None,):
            digest = staleness.input_digest(step, partition)
            if digest is not None:
                yield (step.asset, digest[:LETTERS])
