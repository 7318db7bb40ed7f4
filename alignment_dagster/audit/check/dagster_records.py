"""What Dagster has on record of a study, read without writing a byte."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy
import yaml

from alignment_dagster.foundation.databases import one_error
from alignment_dagster.foundation.home import (
    DAGSTER_DATABASES,
    DAGSTER_VARIABLE,
    Home,
    dagster_configuration,
)
from alignment_dagster.foundation.process_owner import PROCESS_TAG, is_dead
from alignment_dagster.foundation.sqlite_copy import copy_databases
from alignment_dagster.graph.review_events import told_reviews
from alignment_dagster.lineage.event_metadata import VERSION, event_name
from alignment_dagster.lineage.reviews import ReviewRecord

PAGE = 1000
STORAGES = frozenset({"storage", "run_storage", "event_log_storage"})
CONFIGURATION = "dagster.yaml"
OPTIONS = "PGOPTIONS"
"""Of libpq, for every connection that is opened."""
MATERIALIZED = "ASSET_MATERIALIZATION"
EVALUATED = "ASSET_CHECK_EVALUATION"
CHECK_PASSED = "SUCCEEDED"
RUN_SUCCEEDED = "PIPELINE_SUCCESS"
RUN_BROKEN = ("PIPELINE_FAILURE", "PIPELINE_CANCELED")
UNFINISHED = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
SUCCESS = "SUCCESS"


@dataclass(frozen=True)
class Event:
    """A materialization."""

    run_id: str
    asset: str
    partition: str | None
    metadata: Mapping[str, Any]
    data_version: str | None
    name: str
    """How an acknowledgement names it."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of an asset check, as one of the places says where Dagster keeps it."""

    run_id: str
    asset: str
    partition: str | None
    check: str
    passed: bool


@dataclass(frozen=True)
class DagsterRecords:
    """The events and checks of a study's assets, and the status of the runs."""

    events: tuple[Event, ...]
    page_results: tuple[CheckResult, ...]
    """What Dagster's pages show of the checks."""
    log_results: tuple[CheckResult, ...]
    """What its log of events says of them."""
    runs: Mapping[str, str]
    """Run id → status; a run that is gone is not in it."""
    succeeded: frozenset[str]
    """Runs that succeeded by the log of events."""
    alive: frozenset[str]
    """Runs that go on; one whose process was killed does not."""
    reviews: tuple[ReviewRecord, ...] = ()
    """The reviews of reports."""


NOTHING = DagsterRecords((), (), (), {}, frozenset(), frozenset())


@contextmanager
def open_records(home: Home) -> Iterator[Any]:
    """A Dagster instance that shows what the home's databases hold.

    SQLite writes beside a database that is only read; so the default databases are copied, which
    also works where the home cannot be written to. Other databases are opened where they are, so
    that Postgres refuses whatever would be written.

    Raises:
        AlignmentError: if such a database cannot be used.
    """
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef

    with tempfile.TemporaryDirectory(prefix="alignment-check-") as name, _read_only():
        _prepare(home, Path(name))
        with one_error("Dagster's database"):
            instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(name))
        with instance:
            yield instance


@contextmanager
def _read_only() -> Iterator[None]:
    """What this process asks of a Postgres meanwhile can only read."""
    before = os.environ.get(OPTIONS)
    os.environ[OPTIONS] = f"{before or ''} -c default_transaction_read_only=on".strip()
    try:
        yield
    finally:
        if before is None:
            del os.environ[OPTIONS]
        else:
            os.environ[OPTIONS] = before


def _prepare(home: Home, folder: Path) -> None:
    """The configuration, and the default databases unless it names others."""
    named = bool(os.environ.get(DAGSTER_VARIABLE))
    configuration = dagster_configuration() if named else home.dagster / CONFIGURATION
    if configuration.exists():
        shutil.copyfile(configuration, folder / CONFIGURATION)
        content = yaml.safe_load((folder / CONFIGURATION).read_text(encoding="utf-8"))
        if isinstance(content, dict) and not STORAGES.isdisjoint(content):
            return
    copy_databases(DAGSTER_DATABASES, home.dagster, folder)


def read_records(
    instance: Any, study: str, assets: Iterable[str], runs: Iterable[str]
) -> DagsterRecords:
    """All of these assets.

    Args:
        instance: an open `DagsterInstance`.
        runs: ids that are asked for; those of the events come along.
    """
    assets = tuple(assets)
    events = tuple(event for asset in assets for event in _events(instance, study, asset))
    wanted = sorted({*runs, *(event.run_id for event in events)})
    return DagsterRecords(
        events,
        tuple(_shown(instance, study, assets)),
        tuple(_logged(instance, study, assets)),
        _runs(instance, wanted),
        _succeeded(instance),
        _alive(instance),
        tuple(told_reviews(instance, study)),
    )


def _events(instance: Any, study: str, asset: str) -> Iterator[Event]:
    import dagster as dg

    cursor, more = None, True
    key = dg.AssetKey([study, asset])
    partitions = _partitions(instance, key)
    while more:
        page = instance.fetch_materializations(key, limit=PAGE, cursor=cursor)
        cursor, more = page.cursor, page.has_more
        for record in page.records:
            made = record.asset_materialization
            tags = made.tags or {}
            metadata = {name: value.value for name, value in made.metadata.items()}
            partition, version = partitions.get(record.storage_id), str(metadata.get(VERSION, ""))
            yield Event(
                run_id=record.run_id,
                asset=asset,
                partition=partition,
                metadata=metadata,
                data_version=tags.get("dagster/data_version"),
                name=event_name(asset, partition, version, record.run_id, record.timestamp),
            )


def _partitions(instance: Any, key: Any) -> dict[int, str | None]:
    """Event → the partition that it is found by, which the event itself may not say."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

    columns = SqlEventLogStorageTable.c
    query = sqlalchemy.select(columns.id, columns.partition).where(
        columns.asset_key == key.to_string(), columns.dagster_event_type == MATERIALIZED
    )
    with instance.event_log_storage.index_connection() as connection:
        return {number: partition for number, partition in connection.execute(query).all()}


def _shown(instance: Any, study: str, assets: Sequence[str]) -> Iterator[CheckResult]:
    """The table that Dagster's pages read; planned checks have no outcome yet."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

    columns = AssetCheckExecutionsTable.c
    keys = [json.dumps([study, asset]) for asset in assets]
    query = sqlalchemy.select(columns.execution_status, columns.evaluation_event).where(
        columns.asset_key.in_(keys)
    )
    with instance.event_log_storage.index_connection() as connection:
        for status, event in connection.execute(query).all():
            found = _evaluation(event, study) if event else None
            if found is not None:
                yield found
                # The status stands beside the event, for the list of checks.
                yield replace(found, passed=status == CHECK_PASSED)


def _logged(instance: Any, study: str, assets: Sequence[str]) -> Iterator[CheckResult]:
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

    columns = SqlEventLogStorageTable.c
    query = sqlalchemy.select(columns.event).where(columns.dagster_event_type == EVALUATED)
    with instance.event_log_storage.index_connection() as connection:
        for (event,) in connection.execute(query).all():
            found = _evaluation(event, study)
            if found is not None and found.asset in assets:
                yield found


def _evaluation(event: str, study: str) -> CheckResult | None:
    """From Dagster's JSON; None for a check that is planned, or of another study."""
    content = json.loads(event)
    told = content["dagster_event"]["event_specific_data"]
    path = told["asset_key"]["path"]
    if content["dagster_event"]["event_type_value"] != EVALUATED or path[0] != study:
        return None
    passed = bool(told["success"])
    return CheckResult(content["run_id"], path[-1], told["partition"], told["check_name"], passed)


def _succeeded(instance: Any) -> frozenset[str]:
    """Runs whose last word in the log of events is that they succeeded."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

    columns = SqlEventLogStorageTable.c
    query = (
        sqlalchemy.select(columns.run_id, columns.dagster_event_type)
        .where(columns.dagster_event_type.in_([RUN_SUCCEEDED, *RUN_BROKEN]))
        .order_by(columns.id)
    )
    with instance.event_log_storage.index_connection() as connection:
        last = dict(tuple(row) for row in connection.execute(query).all())
    return frozenset(run for run, kind in last.items() if kind == RUN_SUCCEEDED)


def _runs(instance: Any, wanted: list[str]) -> dict[str, str]:
    import dagster as dg

    found: dict[str, str] = {}
    for start in range(0, len(wanted), PAGE):
        ids = wanted[start : start + PAGE]
        for run in instance.get_runs(dg.RunsFilter(run_ids=ids)):
            found[run.run_id] = run.status.value
    return found


def _alive(instance: Any) -> frozenset[str]:
    import dagster as dg

    statuses = [dg.DagsterRunStatus(name) for name in UNFINISHED]
    runs = instance.get_runs(dg.RunsFilter(statuses=statuses))
    return frozenset(run.run_id for run in runs if not is_dead(run.tags.get(PROCESS_TAG)))
