"""Stages that are finished: kept in the work folder, sealed, until the whole job is done."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.foundation.atomic_files import atomic_folder
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.work_seals import is_sealed, seal
from alignment_dagster.lineage import file_names
from alignment_dagster.training.consumption import DOCUMENTS_SCHEMA, Ledger
from alignment_dagster.training.model_folder import write_model
from alignment_dagster.training.post_training.trl_stage import StageRecord
from alignment_dagster.training.step_log import POST_TRAINING_SCHEMA, read_log, write_log

MODEL = "model"
STATE = "stage.json"


def save(
    folder: Path,
    identity: str,
    model: Any,
    tokenizer: Path,
    record: StageRecord,
    tables: Mapping[str, pa.Table] | None = None,
) -> None:
    """Write a finished stage, with `tables` by file name, aside and rename it to `folder`."""
    aside = folder.with_name(f"unfinished-{folder.name}")
    aside.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder, aside=aside):
        write_model(model, tokenizer, aside / MODEL)
        record.ledger.write(aside / file_names.CONSUMPTION, DOCUMENTS_SCHEMA)
        write_log(aside / file_names.TRAINING_LOG, record.log, POST_TRAINING_SCHEMA)
        for name, table in (tables or {}).items():
            pq.write_table(table, aside / name, compression="zstd")
        content = {"identity": identity, "files": _digests(aside)}
        sealed = {"content": content, "seal": seal(content)}
        (aside / STATE).write_text(json.dumps(sealed), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)


def load(folder: Path, identity: str, say: Callable[[str], None]) -> StageRecord | None:
    """The record of a finished stage, or None if there is none that can be used."""
    if not folder.exists():
        return None
    if problem := _find_problem(folder, identity):
        say(f"the finished stage {folder.name} is not used: {problem}")
        return None
    state = sha256_json(_digests(folder))
    say(f"{folder.name} was finished before: state {state[:16]}")
    return StageRecord(
        folder.name,
        Ledger.read(folder / file_names.CONSUMPTION),
        read_log(folder / file_names.TRAINING_LOG),
        resumed_from=state,
    )


def _find_problem(folder: Path, identity: str) -> str | None:
    try:
        sealed = json.loads((folder / STATE).read_text(encoding="utf-8"))
        content = sealed["content"]
        if not is_sealed(content, sealed["seal"]):
            return "no run of this home wrote it"
        if content["files"] != _digests(folder):
            return "its files were altered"
        if content["identity"] != identity:
            return "it belongs to another configuration"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"it is incomplete ({error!r})"
    return None


def _digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != STATE)
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}
