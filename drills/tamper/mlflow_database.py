"""Alterations of MLflow's database, of the run that stands for one evaluation and of a corpus."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

from alignment_dagster.lineage.lake import Artifact
from drills.tamper.cell import Cell, Names
from drills.tamper.place import Place

GROUP = "mlflow"
MEASURED = "evaluation"
"""Its metrics are tied to models and to what they were measured on."""
CORPUS = "raw_corpus"
"""Its metrics are of the artifact alone."""
TABLES = ("metrics", "latest_metrics", "logged_model_metrics")
Step = tuple[str, dict[str, str]]


def execute(path: str, *steps: Step) -> None:
    """Statements in one transaction; each has to change something."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement, values in steps:
            if not connection.execute(statement, values).rowcount:
                raise LookupError(f"changed nothing: {statement} {values}")


def ask(path: str, statement: str, **values: str) -> str:
    """The first value of the first row."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute(statement, values).fetchone()[0])


def _database(place: Place) -> str:
    return str(place.home.root / "mlflow.db")


def _run(artifact: Artifact) -> str:
    return str(artifact.provenance.mlflow_run_id)


def _metric(place: Place, run: str) -> str:
    """One that a page shows."""
    query = "select key from latest_metrics where run_uuid = :run order by key"
    return ask(_database(place), query, run=run)


def _where(table: str) -> str:
    if table == "logged_model_metrics":
        return "where run_id = :run and metric_name = :metric"
    return "where run_uuid = :run and key = :metric"


def _edit_metric(asset: str, tables: tuple[str, ...], place: Place) -> Names:
    run = _run(place.artifact(asset))
    values = {"run": run, "metric": _metric(place, run)}
    steps = []
    for table in tables:
        value = "metric_value" if table == "logged_model_metrics" else "value"
        steps.append((f"update {table} set {value} = {value} + 0.25 {_where(table)}", values))
    execute(_database(place), *steps)
    return ((run, values["metric"]),)


def _delete_metric(asset: str, tables: tuple[str, ...], place: Place) -> Names:
    run = _run(place.artifact(asset))
    values = {"run": run, "metric": _metric(place, run)}
    execute(
        _database(place), *((f"delete from {table} {_where(table)}", values) for table in tables)
    )
    return ((run, values["metric"]),)


def _add_metric(tables: tuple[str, ...], place: Place) -> Names:
    run = _run(place.artifact(MEASURED))
    columns = "key, value, timestamp, step, is_nan, run_uuid"
    values = "'invented', 0.5, 1, 0, 0, :run"
    execute(
        _database(place),
        *((f"insert into {table} ({columns}) values ({values})", {"run": run}) for table in tables),
    )
    return ((run, "invented"),)


def _dataset(asset: str) -> str:
    """The dataset that the run has of the asset itself or of a parent."""
    return (
        "(select source_id from inputs join datasets on dataset_uuid = source_id "
        f"where destination_id = :run and name like '{asset}%' order by name limit 1)"
    )


def _edit_dataset(column: str, place: Place) -> Names:
    artifact = place.artifact(MEASURED)
    run = _run(artifact)
    statement = f"update datasets set {column} = 'x' || {column} where dataset_uuid = "
    execute(_database(place), (statement + _dataset(MEASURED), {"run": run}))
    return ((run, artifact.as_data().name),)


def _edit_input_tag(place: Place) -> Names:
    artifact = place.artifact(MEASURED)
    run = _run(artifact)
    inputs = f"select input_uuid from inputs where source_id = {_dataset(MEASURED)}"
    statement = "update input_tags set value = :digest where name = 'sha256' and input_uuid in "
    values = {"run": run, "digest": "0" * 64}
    execute(_database(place), (f"{statement}({inputs})", values))
    return ((run, artifact.as_data().name),)


def _delete_input(place: Place) -> Names:
    """A parent's dataset is no longer among the run's."""
    run = _run(place.artifact(MEASURED))
    checkpoint = place.artifact("pretrained_checkpoint")
    statement = "delete from inputs where destination_id = :run and source_id = "
    execute(_database(place), (statement + _dataset("pretrained_checkpoint"), {"run": run}))
    return ((run, checkpoint.as_data().name),)


def _edit_metric_digest(place: Place) -> Names:
    run = _run(place.artifact(MEASURED))
    values = {"run": run, "metric": _metric(place, run)}
    statement = "update logged_model_metrics set dataset_digest = 'x' "
    execute(_database(place), (statement + _where("logged_model_metrics"), values))
    return ((run, values["metric"]),)


def _edit_tag(key: str, place: Place) -> Names:
    run = _run(place.artifact(MEASURED))
    statement = "update tags set value = 'x' || value where run_uuid = :run and key = :key"
    execute(_database(place), (statement, {"run": run, "key": key}))
    return ((run, key),)


def _delete_tag(place: Place) -> Names:
    run, key = _run(place.artifact(MEASURED)), "alignment.digest"
    statement = "delete from tags where run_uuid = :run and key = :key"
    execute(_database(place), (statement, {"run": run, "key": key}))
    return ((run, key),)


def _set_run(change: str, place: Place) -> Names:
    run = _run(place.artifact(MEASURED))
    execute(_database(place), (f"update runs set {change} where run_uuid = :run", {"run": run}))
    return ((run,),)


def _delete_run(place: Place) -> Names:
    """The run and everything that hangs on it."""
    run = _run(place.artifact(MEASURED))
    tables = {
        "tags": "run_uuid", "metrics": "run_uuid", "latest_metrics": "run_uuid",
        "logged_model_metrics": "run_id", "inputs": "destination_id", "runs": "run_uuid",
    }  # fmt: skip
    execute(
        _database(place),
        *(
            (f"delete from {table} where {key} = :run", {"run": run})
            for table, key in tables.items()
        ),
    )
    return ((run,),)


def _add_run(place: Place) -> Names:
    """A second run that claims the same artifact, with a metric of its own."""
    run, other = _run(place.artifact(MEASURED)), "f" * 32
    values = {"run": run, "other": other}
    columns = (
        "name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, "
        "source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time"
    )
    execute(
        _database(place),
        (
            f"insert into runs (run_uuid, {columns}) select :other, {columns} from runs "
            "where run_uuid = :run",
            values,
        ),
        ("insert into tags select key, value, :other from tags where run_uuid = :run", values),
        (
            "insert into metrics (key, value, timestamp, run_uuid, step, is_nan) "
            "values ('invented', 0.5, 1, :other, 0, 0)",
            values,
        ),
    )
    return ((other,),)


def _change_model(statement: str, place: Place) -> Names:
    artifact = place.artifact("pretrained_checkpoint")
    model = artifact.provenance.models["base"]
    execute(_database(place), (f"{statement} where model_id = :model", {"model": model}))
    return ((model,),)


def _experiment(change: str, place: Place) -> Names:
    execute(
        _database(place),
        (f"update experiments set {change} where name = :study", {"study": place.study}),
    )
    return (("MLflow", place.study), ("experiment",))


def _no_database(place: Place) -> Names:
    (place.home.root / "mlflow.db").unlink()
    return (("MLflow's database",),)


SETS = {
    "run set RUNNING": "status = 'RUNNING'",
    "run set FAILED": "status = 'FAILED'",
    "run put into the waste-paper basket": "lifecycle_stage = 'deleted'",
}
TAGS = (
    "alignment.digest",
    "alignment.version",
    "alignment.record",
    "alignment.asset",
    "alignment.partition",
    "dagster.run_id",
    "mlflow.note.content",
)
MODELS = {
    "model deleted": "delete from logged_models",
    "model's digest edited": "update logged_model_tags set tag_value = 'x'",
    "model's parameter edited": "update logged_model_params set param_value = '9'",
}


def _metrics() -> Iterator[tuple[str, str, Callable[[Place], Names]]]:
    for table in TABLES:
        of = f"MLflow {table}"
        yield "metric's value edited", of, partial(_edit_metric, MEASURED, (table,))
        yield "metric deleted", of, partial(_delete_metric, MEASURED, (table,))
    for table in TABLES[:2]:
        yield "metric added", f"MLflow {table}", partial(_add_metric, (table,))
    everywhere = "MLflow, wherever it stands"
    yield "metric's value edited", everywhere, partial(_edit_metric, MEASURED, TABLES)
    yield "metric deleted", everywhere, partial(_delete_metric, MEASURED, TABLES)
    yield "metric added", everywhere, partial(_add_metric, TABLES[:2])
    corpus = "MLflow, run of a corpus"
    yield "metric's value edited", corpus, partial(_edit_metric, CORPUS, TABLES[:2])
    yield "metric deleted", corpus, partial(_delete_metric, CORPUS, TABLES[:2])


def _others() -> Iterator[tuple[str, str, Callable[[Place], Names]]]:
    yield "dataset's digest edited", "MLflow datasets", partial(_edit_dataset, "digest")
    yield "dataset's name edited", "MLflow datasets", partial(_edit_dataset, "name")
    yield "dataset's SHA-256 edited", "MLflow input_tags", _edit_input_tag
    yield "dataset taken from a run", "MLflow inputs", _delete_input
    yield "dataset's digest of a metric edited", "MLflow logged_model_metrics", _edit_metric_digest
    for key in TAGS:
        yield "tag edited", f"MLflow {key}", partial(_edit_tag, key)
    yield "tag deleted", "MLflow alignment.digest", _delete_tag
    for mutation, change in SETS.items():
        yield mutation, "MLflow runs", partial(_set_run, change)
    yield "run deleted", "MLflow runs", _delete_run
    yield "run added", "MLflow runs", _add_run
    for mutation, statement in MODELS.items():
        yield mutation, "MLflow logged models", partial(_change_model, statement)
    for change in ("name = 'renamed'", "lifecycle_stage = 'deleted'"):
        alter = partial(_experiment, change)
        yield f"experiment: {change.split()[0]} edited", "MLflow experiments", alter
    yield "database removed", "MLflow", _no_database


def cells() -> Iterator[Cell]:
    """Metrics, datasets, tags, runs, models."""
    for mutation, of, alter in (*_metrics(), *_others()):
        yield Cell(GROUP, mutation, of, alter)
