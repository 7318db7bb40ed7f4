"""How every injection must end: nothing half-written, lost or left running, and all of it sound."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from alignment_dagster.lineage.manifest import STATEMENT
from drills.soak.scene import SOURCE, Scene

FINISHED = ("SUCCESS", "FAILURE", "CANCELED")
GRACE_SECONDS = 15.0
"""A job whose starter was killed ends itself within this time."""


def ends_well(scene: Scene, operation: str = "run", tries: int = 1) -> None:
    """Do again what a person or the next tick would do, and find nothing wrong.

    Args:
        operation: `run` for `alignment run`, `night` for a scheduled look and what follows.
        tries: how often it may be done; more than one only where the first may be refused.
    """
    codes = [scene.do(operation)]
    while codes[-1] != 0 and len(codes) < tries:
        codes.append(scene.do(operation))
    if codes[-1] != 0:
        scene.wrong.append(f"the next {operation} ended with {codes}: {tail(scene)}")
    _nothing_runs(scene)
    _nothing_half_written(scene, operation)
    _no_document_lost(scene)
    _checked(scene, operation)


def tail(scene: Scene, lines: int = 4) -> str:
    """The end of what was said."""
    return " / ".join(scene.said().strip().splitlines()[-lines:])


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a database says, read only."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
        return list(database.execute(query))


def _nothing_runs(scene: Scene) -> None:
    unfinished = [
        f"{run}: {status}"
        for run, status in rows(
            scene.home / "dagster/history/runs.db", "select run_id, status from runs"
        )
        if status not in FINISHED
    ]
    running = rows(scene.home / "mlflow.db", "select run_uuid from runs where status = 'RUNNING'")
    slots = rows(
        scene.home / "dagster/history/runs/index.db",
        "select run_id from concurrency_slots where run_id is not null",
    )
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_lives(pid) for pid in scene.family) and time.monotonic() < deadline:
        time.sleep(0.2)
    living = [pid for pid in scene.family if _lives(pid)]
    for what, found in (
        ("Dagster runs", unfinished), ("MLflow runs", running), ("pool slots", slots),
        ("processes", living),
    ):  # fmt: skip
        if found:
            scene.wrong.append(f"{what} are left: {found}")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _nothing_half_written(scene: Scene, operation: str) -> None:
    lake = scene.home / "lake"
    staged = list((lake / ".staging").glob("*"))
    versions = [path for path in (lake / "tiny").glob("*/*/*") if path.is_dir()]
    half = [str(path) for path in versions if not (path / STATEMENT).exists()]
    asides = [
        path
        for pattern in ("dagster/dagster.*", "work/*.db*")
        for path in scene.home.glob(pattern)
        if path.name != "dagster.yaml"
    ]
    work = [path for path in (scene.home / "work/tiny").glob("*/*") if operation == "run"]
    for what, found in (
        ("staged", staged), ("without statement", half), ("beside", asides), ("work", work),
    ):  # fmt: skip
        if found:
            scene.wrong.append(f"half-written ({what}): {[str(one) for one in found]}")


def _no_document_lost(scene: Scene) -> None:
    """The newest documents of the source are those of its file, and no older version is gone."""
    lines = [json.loads(line) for line in (scene.home / "lake/tiny/journal.jsonl").open()]
    entries = [line for line in lines if "asset" in line]
    for entry in entries:
        name = (entry["partition"] or "all").replace("|", ".")
        if not (scene.home / "lake/tiny" / entry["asset"] / name / entry["version"]).is_dir():
            scene.wrong.append(f"lost: {entry['asset']} {entry['partition']} {entry['version']}")
    read = [one for one in entries if (one["asset"], one["partition"]) == ("raw_corpus", SOURCE)]
    folder = scene.home / "lake/tiny/raw_corpus" / SOURCE / read[-1]["version"]
    texts = pq.read_table(folder / "documents", columns=["text"])["text"]
    found = set(texts.to_pylist())
    lines = (scene.place.study.data / f"{SOURCE}.jsonl").read_text().splitlines()
    lost = {json.loads(line)["text"] for line in lines} ^ found
    if lost:
        scene.wrong.append(f"documents are lost, or there are others: {sorted(lost)[:3]}")


def _checked(scene: Scene, operation: str) -> None:
    """`audit check` is closed; after a whole run nothing has to run any more."""
    answer = scene.place.folder / "answer.json"
    answer.unlink(missing_ok=True)
    code = scene.do("check", answer=str(answer))
    if code != 0 or not answer.exists():
        scene.wrong.append(f"audit check ended with {code}: {tail(scene)}")
        return
    told = json.loads(answer.read_text())
    scene.wrong += [f"audit check: {gap}" for gap in told["gaps"]]
    if operation == "run" and not told["current"]:
        scene.wrong.append("something still has to run")
    if operation == "run" and told["changes"]:
        scene.wrong.append(f"audit check tells of changes: {told['changes']}")
