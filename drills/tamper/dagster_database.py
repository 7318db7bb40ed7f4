"""Alterations of Dagster's databases: events, checks and runs."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import dagster as dg

from alignment_dagster.graph.instance import open_instance
from alignment_dagster.lineage.event_metadata import VERSION
from drills.tamper.cell import Cell, Names
from drills.tamper.mlflow_database import ask, execute
from drills.tamper.place import Place

GROUP = "dagster"
MEASURED = "evaluation"
EVENT = "ASSET_MATERIALIZATION"


def _index(place: Place) -> str:
    return str(place.home.dagster / "history" / "runs" / "index.db")


def _runs(place: Place) -> str:
    return str(place.home.dagster / "history" / "runs.db")


def _shard(place: Place, run: str) -> str:
    """The run's own log, which Dagster's page of the run shows."""
    return str(place.home.dagster / "history" / "runs" / f"{run}.db")


def _event(place: Place, asset: str) -> str:
    """The row of an artifact's event in the index."""
    artifact = place.artifact(asset)
    query = (
        "select id from event_logs where dagster_event_type = :kind and run_id = :run "
        "and asset_key = :asset and coalesce(partition, '') = :partition"
    )
    return ask(
        _index(place),
        query,
        kind=EVENT,
        run=str(artifact.provenance.dagster_run_id),
        asset=json.dumps([place.study, asset]),
        partition=artifact.partition or "",
    )


def _rewrite(path: str, where: str, value: str, change: Callable[[Any], None]) -> None:
    """Change the JSON of an event."""
    with closing(sqlite3.connect(path)) as connection, connection:
        query = f"select id, event from event_logs where {where}"
        number, text = connection.execute(query, (value,)).fetchone()
        content = json.loads(text)
        change(content["dagster_event"]["event_specific_data"]["materialization"])
        connection.execute(
            "update event_logs set event = ? where id = ?", (json.dumps(content), number)
        )


def _set_metadata(name: str, made: Any) -> None:
    """Another value, as the kind of entry has it."""
    entry = next(one for one in made["metadata_entries"] if one["label"] == name)
    data = entry["entry_data"]
    for field in ("text", "md_str", "url", "run_id", "path"):
        if field in data:
            data[field] = f"{data[field]}0"
            return
    data["value"] = not data["value"] if isinstance(data["value"], bool) else data["value"] + 1


def _drop_metadata(name: str, made: Any) -> None:
    made["metadata_entries"] = [one for one in made["metadata_entries"] if one["label"] != name]


def _set_data_version(made: Any) -> None:
    made["tags"]["dagster/data_version"] = "0" * 64


def _edit_event(asset: str, change: Callable[[Any], None], place: Place) -> Names:
    number = _event(place, asset)
    _rewrite(_index(place), "id = ?", number, change)
    return ((place.artifact(asset).label,),)


def _edit_shard(place: Place) -> Names:
    """The event in the run's own log says another version."""
    artifact = place.artifact(MEASURED)
    run = str(artifact.provenance.dagster_run_id)
    _rewrite(
        _shard(place, run),
        "dagster_event_type = 'ASSET_MATERIALIZATION' and step_key like '%__' || ?",
        MEASURED,
        partial(_set_metadata, "artifact_version"),
    )
    return ((artifact.label,), (run,))


def _delete_event(asset: str, place: Place) -> Names:
    statement = "delete from event_logs where id = :number"
    execute(_index(place), (statement, {"number": _event(place, asset)}))
    return ((place.artifact(asset).label,),)


def _move_event(place: Place) -> Names:
    """An evaluation's event says that it is of the other recipe."""
    statement = (
        "update event_logs set partition = 'unfiltered|0', "
        "event = replace(event, 'aligned|0', 'unfiltered|0') where id = :number"
    )
    execute(_index(place), (statement, {"number": _event(place, MEASURED)}))
    return (
        (place.artifact(MEASURED).label,),
        (MEASURED, "unfiltered|0", place.artifact(MEASURED).version),
    )


def _add_event(place: Place) -> Names:
    """The event once more, of a version that there is not."""
    artifact = place.artifact(MEASURED)
    columns = "run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition"
    copied = columns.replace("event,", "replace(event, :version, :invented),", 1)
    execute(
        _index(place),
        (
            f"insert into event_logs ({columns}) select {copied} from event_logs "
            "where id = :number",
            {
                "number": _event(place, MEASURED),
                "version": artifact.version,
                "invented": "0" * 16,
            },
        ),
    )
    return ((MEASURED, "0" * 16),)


def _add_older_event(place: Place) -> Names:
    """As anybody may who reaches Dagster's pages: an event of no run names another artifact."""
    report = place.artifact("eval_report")
    made = dg.AssetMaterialization([place.study, report.asset], metadata={VERSION: report.version})
    with open_instance(place.home) as instance:
        instance.report_runless_asset_event(made)
    return ((report.label, "has no line in the journal"),)


def _delete_run(asset: str, everything: bool, place: Place) -> Names:
    artifact = place.artifact(asset)
    run = str(artifact.provenance.dagster_run_id)
    execute(_runs(place), ("delete from runs where run_id = :run", {"run": run}))
    if everything:
        steps = [
            (f"delete from {table} where run_id = :run", {"run": run})
            for table in ("event_logs", "asset_check_executions")
        ]
        execute(_index(place), *steps)
    return ((artifact.label,), (run,))


def _fail_run(place: Place) -> Names:
    """A run that made an artifact and finished is shown as failed."""
    artifact = place.artifact(MEASURED)
    run = str(artifact.provenance.dagster_run_id)
    statement = (
        "update runs set status = 'FAILURE', "
        "run_body = replace(run_body, 'DagsterRunStatus.SUCCESS', 'DagsterRunStatus.FAILURE') "
        "where run_id = :run"
    )
    execute(_runs(place), (statement, {"run": run}))
    return ((run,), (artifact.label,))


def _check_row(place: Place, asset: str) -> tuple[str, str]:
    """The row of a check's evaluation, and the check's name."""
    artifact = place.artifact(asset)
    query = (
        "select {} from asset_check_executions where run_id = :run and asset_key = :asset "
        "and coalesce(partition, '') in ('', :partition) order by id"
    )
    values = {
        "run": str(artifact.provenance.dagster_run_id),
        "asset": json.dumps([place.study, asset]),
        "partition": artifact.partition or "",
    }
    path = _index(place)
    return ask(path, query.format("id"), **values), ask(path, query.format("check_name"), **values)


def _flip_check(asset: str, place: Place) -> Names:
    number, name = _check_row(place, asset)
    flipped = (
        "case when instr(evaluation_event, '\"success\": true') "
        "then replace(evaluation_event, '\"success\": true', '\"success\": false') "
        "else replace(evaluation_event, '\"success\": false', '\"success\": true') end"
    )
    status = "case execution_status when 'SUCCEEDED' then 'FAILED' else 'SUCCEEDED' end"
    statement = (
        f"update asset_check_executions set evaluation_event = {flipped}, "
        f"execution_status = {status} where id = :number"
    )
    execute(_index(place), (statement, {"number": number}))
    return ((name, place.artifact(asset).label),)


def _delete_check(asset: str, place: Place) -> Names:
    number, name = _check_row(place, asset)
    statement = "delete from asset_check_executions where id = :number"
    execute(_index(place), (statement, {"number": number}))
    return ((name, place.artifact(asset).label),)


def _no_database(name: str, place: Place) -> Names:
    (place.home.dagster / "history" / name).unlink()
    return (("Dagster",), (place.artifact(MEASURED).label,))


METADATA = (
    "artifact_version",
    "content_digest",
    "record_digest",
    "made_by_run",
    "mlflow_run",
    "parents",
    "audit",
    "seconds",
    "reused",
)
OWN = "a step's own description (its counts and excerpts) is kept by Dagster alone"
SHARD = "the check reads Dagster's index; each run's own log holds a second copy, for its page"


def _events() -> Iterator[tuple[str, str, Callable[[Place], Names]]]:
    for name in METADATA:
        alter = partial(_edit_event, MEASURED, partial(_set_metadata, name))
        yield "event's metadata edited", f"Dagster {name}", alter
    for name in ("artifact_version", "content_digest", "parents"):
        alter = partial(_edit_event, MEASURED, partial(_drop_metadata, name))
        yield "event's metadata deleted", f"Dagster {name}", alter
    alter = partial(_edit_event, MEASURED, _set_data_version)
    yield "event's data version edited", "Dagster event", alter
    for asset in (MEASURED, "eval_report", "raw_corpus"):
        yield "event deleted", f"Dagster {asset}", partial(_delete_event, asset)
    yield "event moved to another partition", "Dagster event", _move_event
    yield "event added", "Dagster event", _add_event
    yield "event of no run added", "Dagster eval_report", _add_older_event


def _others() -> Iterator[tuple[str, str, Callable[[Place], Names]]]:
    for asset in (MEASURED, "eval_report"):
        yield "run deleted", f"Dagster run of {asset}", partial(_delete_run, asset, False)
        alter = partial(_delete_run, asset, True)
        yield "run deleted with its events", f"Dagster run of {asset}", alter
    yield "run set to failed", "Dagster run", _fail_run
    for asset in ("curated_mix", MEASURED, "eval_report", "documents"):
        yield "check's outcome flipped", f"Dagster check of {asset}", partial(_flip_check, asset)
        yield (
            "check's evaluation deleted",
            f"Dagster check of {asset}",
            partial(_delete_check, asset),
        )
    for name in ("runs.db", "runs/index.db"):
        yield "database removed", f"Dagster {name}", partial(_no_database, name)


def cells() -> Iterator[Cell]:
    """Events, runs and checks."""
    for mutation, of, alter in (*_events(), *_others()):
        yield Cell(GROUP, mutation, of, alter)
    alter = partial(_edit_event, "raw_corpus", partial(_set_metadata, "dagster/row_count"))
    mutation = "event's metadata edited"
    of = "Dagster dagster/row_count"
    yield Cell(GROUP, mutation, of, alter, found="nowhere", why=OWN)
    mutation = "event edited in the run's own log"
    yield Cell(GROUP, mutation, "Dagster run", _edit_shard, found="nowhere", why=SHARD)
