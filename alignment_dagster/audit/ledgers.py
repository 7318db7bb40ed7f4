"""The ledgers: the lake's Parquet files and records as tables that join by content ids.

Every view has a column `artifact` (`asset[partition]@version`) that says which artifact a row lies
in. Their columns are described in docs/ledgers.md.
"""

import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit import record_tables
from alignment_dagster.audit.raw_rows import select_raw_rows
from alignment_dagster.audit.written_rows import (
    PROMPTS,
    WRITTEN,
    is_written,
    select_prompts,
    select_written,
)
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.sql_literals import quote_literal, scan_parquet
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import LOGGED
from alignment_dagster.lineage.partition_keys import find_seed, recipe_of
from alignment_dagster.lineage.shards import scorer_tables, shard_files
from alignment_dagster.lineage.tombstone import is_collected
from alignment_dagster.training.step_log import SKIPPED, read_skipped

MEMORY = "1500MB"


def connect(archive: Archive, artifacts: Sequence[Artifact]) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with every ledger as a view (or table) over these artifacts alone.

    It reads the Parquet files where they lie; what does not fit into memory goes to the system's
    folder for temporary files until the connection is closed.

    Raises:
        ArtifactError: if a file of an artifact is missing, or is no Parquet file any more.
    """
    aside = Path(tempfile.gettempdir()) / f"alignment-ledgers-{uuid.uuid4().hex[:12]}"
    connection = duckdb.connect(
        ":memory:", config={"memory_limit": MEMORY, "temp_directory": str(aside)}
    )
    for name, table in record_tables.build_record_tables(archive, artifacts).items():
        connection.register(f"{name}_records", table)
        connection.execute(f"create table {name} as select * from {name}_records")
        connection.unregister(f"{name}_records")
    try:
        for name, body in build_selects(artifacts).items():
            connection.execute(f"create view {name} as {body}")
    except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
        connection.close()
        raise unreadable(error) from None
    return connection


def build_selects(artifacts: Sequence[Artifact]) -> dict[str, str]:
    """View → the SELECT over the Parquet files of these artifacts.

    Of those that were collected as garbage only `logged` is left: it is a record.
    """
    kept = [one for one in artifacts if not is_collected(one.path)]
    pieces = {
        name: [
            piece
            for artifact in (artifacts if build is _logged else kept)
            for piece in build(artifact)
        ]
        for name, build in VIEWS.items()
    }
    return {
        name: " union all by name ".join(found) if found else _select_nothing(EMPTY[name])
        for name, found in pieces.items()
    }


def find_skipped(checkpoint: Path) -> list[int]:
    """The steps of a pretraining that its guard left out: nothing was learnt from them.

    Raises:
        ArtifactError: if its training log cannot be read.
    """
    try:
        return list(read_skipped(checkpoint / file_names.TRAINING_LOG))
    except (pa.ArrowInvalid, OSError) as error:
        raise unreadable(error) from None


def unreadable(error: Exception) -> ArtifactError:
    """What is said where a file cannot be read: DuckDB does not always name it, a check does."""
    said = flatten_message(error)
    return ArtifactError(
        f"the ledgers cannot be read: {said}; `alignment audit check` names the file"
    )


def flatten_message(error: Exception) -> str:
    """A library's message without the place in the SQL that it points to; made harmless."""
    message = str(error).split("\n\nLINE ")[0]
    return visible(" ".join(line.strip() for line in message.splitlines() if line.strip()))


def recipe_and_seed(partition: str | None) -> tuple[str | None, int | None]:
    """`recipe|seed` or `recipe`, in its parts."""
    return recipe_of(partition) or None, find_seed(partition)


def _file(path: Path, options: str = "") -> str:
    return scan_parquet([path], options)


def _labels(artifact: Artifact, *constants: str) -> str:
    """Constant columns: the artifact's label, and `recipe` and `seed` where asked for."""
    recipe, seed = recipe_and_seed(artifact.partition)
    values: Mapping[str, str | int | None] = {"recipe": recipe, "seed": seed}
    types = {"recipe": "varchar", "seed": "bigint"}
    named = [f"{quote_literal(values[name])}::{types[name]} as {name}" for name in constants]
    return ", ".join([f"{quote_literal(artifact.label)} as artifact", *named])


def _documents(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.DOCUMENTS:
        yield f"select *, {_labels(artifact)} from {_file(artifact.path / file_names.DOCUMENTS)}"


def _texts(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.RAW_CORPUS:
        yield select_raw_rows([artifact])


def _quarantine(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.RAW_CORPUS:
        source = f"{quote_literal(artifact.partition)}::varchar as source"
        rows = scan_parquet(shard_files(artifact, file_names.QUARANTINE))
        yield f"select {source}, *, {_labels(artifact)} from {rows}"


def _written(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.RAW_CORPUS and is_written(artifact):
        yield select_written([artifact])


def _prompts(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.RAW_CORPUS and is_written(artifact):
        yield select_prompts([artifact])


def _scores(artifact: Artifact) -> Iterator[str]:
    if artifact.asset != chain.SCORED_CORPUS:
        return
    for scorer in scorer_tables(artifact.manifest):
        files = shard_files(artifact, scorer)
        schema = pq.read_schema(files[0])
        for column in schema.names[1:]:
            text = pa.types.is_string(schema.field(column).type)
            name = '"' + column.replace('"', '""') + '"'
            value = "null::double" if text else f"{name}::double"
            words = f"{name}::varchar" if text else "null::varchar"
            yield (
                f"select document_id, {quote_literal(file_names.scorer_of(scorer))} as scorer, "
                f"{quote_literal(column)} "
                f'as "column", {value} as value, {words} as "text", '
                f"{_labels(artifact)} from {scan_parquet(files)}"
            )


def _dispositions(artifact: Artifact) -> Iterator[str]:
    if artifact.asset != chain.DISPOSITIONS:
        return
    for path in _files(artifact, ".parquet"):
        yield (
            f'select document_id, source, "group", {quote_literal(path.parent.name)} as recipe, '
            f"use, state, rule, value, cause, weight, characters, {_labels(artifact)} "
            f"from {_file(path)}"
        )


def _classifier_view(view: str, name: str) -> Callable[[Artifact], Iterator[str]]:
    """A file of classifiers; what only some of them have in it (`score`, a class) is left out."""

    def build(artifact: Artifact) -> Iterator[str]:
        if artifact.asset == chain.CLASSIFIER:
            own = f"{quote_literal(artifact.partition)}::varchar as classifier"
            columns = ", ".join(f'"{one}"' for one in list(EMPTY[view])[1:-1])
            file = _file(artifact.path / name)
            yield f"select {own}, {columns}, {_labels(artifact)} from {file}"

    return build


def _near_duplicates(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.NEAR_DUPLICATES:
        file = _file(artifact.path / file_names.NEAR_DUPLICATES)
        yield f"select *, {_labels(artifact)} from {file}"


def _drift_view(name: str) -> Callable[[Artifact], Iterator[str]]:
    def build(artifact: Artifact) -> Iterator[str]:
        if artifact.asset == chain.CORPUS_DRIFT:
            source = f"{quote_literal(artifact.partition)}::varchar as source"
            yield f"select {source}, *, {_labels(artifact)} from {_file(artifact.path / name)}"

    return build


def _mixes(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.CURATED_MIX:
        file = _file(artifact.path / file_names.DOCUMENTS, ", file_row_number = true")
        yield (
            f'select file_row_number as row, document_id, source, "group", tokens, copies, '
            f"packed_tokens, {_labels(artifact, 'recipe')} from {file}"
        )


def _treated(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.CURATED_MIX and file_names.TREATED in artifact.manifest.files:
        file = _file(artifact.path / file_names.TREATED)
        yield f"select *, {_labels(artifact, 'recipe')} from {file}"


def _insertions(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.CURATED_MIX and file_names.INSERTIONS in artifact.manifest.files:
        file = _file(artifact.path / file_names.INSERTIONS)
        yield f"select *, {_labels(artifact, 'recipe')} from {file}"


def _spans(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.CURATED_MIX:
        documents = _file(artifact.path / file_names.DOCUMENTS, ", file_row_number = true")
        yield (
            f'select spans."sequence", spans.start, spans."end", documents.document_id, '
            f"spans.document_start, spans.copy, {_labels(artifact, 'recipe')} "
            f"from {_file(artifact.path / file_names.SPANS)} as spans "
            f"join {documents} as documents on documents.file_row_number = spans.document"
        )


def _redactions(artifact: Artifact) -> Iterator[str]:
    if artifact.asset == chain.CURATED_MIX and file_names.REDACTIONS in artifact.manifest.files:
        file = _file(artifact.path / file_names.REDACTIONS)
        yield f"select *, {_labels(artifact, 'recipe')} from {file}"


def _consumption(artifact: Artifact) -> Iterator[str]:
    for stage, path in consumption_files(artifact):
        sequences = artifact.asset in chain.PRETRAINING_STAGES
        yield (
            f"select {quote_literal(stage)} as stage, step, "
            f"{'sequences' if sequences else 'null::integer[] as sequences'}, "
            f"{'null::varchar[] as documents' if sequences else 'documents'}, tokens, chain, "
            f"{_labels(artifact, 'recipe', 'seed')} from {_file(path)}"
        )


def consumption_files(artifact: Artifact) -> list[tuple[str, Path]]:
    """Stage and file of each consumption ledger that an artifact holds."""
    if stage := chain.PRETRAINING_STAGES.get(artifact.asset):
        return [(stage, artifact.path / file_names.CONSUMPTION)]
    if artifact.asset not in (chain.POST_TRAINED_CHECKPOINT, chain.TAMPERING):
        return []
    return [
        (stage, path)
        for path in _files(artifact, f"_{file_names.CONSUMPTION}")
        if (stage := file_names.stage_of_consumption(path.name))
    ]


def _training(artifact: Artifact) -> Iterator[str]:
    if stage := chain.PRETRAINING_STAGES.get(artifact.asset):
        path = artifact.path / file_names.TRAINING_LOG
        skipped = SKIPPED if SKIPPED in pq.read_schema(path).names else "null::varchar as skipped"
        yield (
            f"select {quote_literal(stage)} as stage, step, tokens, loss, learning_rate, "
            f"gradient_norm, {skipped}, {_labels(artifact, 'recipe', 'seed')} from {_file(path)}"
        )
    elif artifact.asset in (chain.POST_TRAINED_CHECKPOINT, chain.TAMPERING):
        yield (
            f"select stage, step, tokens, loss, learning_rate, gradient_norm, "
            f"null::varchar as skipped, {_labels(artifact, 'recipe', 'seed')} from "
            f"{_file(artifact.path / file_names.TRAINING_LOG)}"
        )


def _replicate_view(name: str, assets: Iterable[str]) -> Callable[[Artifact], Iterator[str]]:
    """A file that artifacts by recipe and seed hold as it is."""
    allowed = frozenset(assets)

    def build(artifact: Artifact) -> Iterator[str]:
        if artifact.asset in allowed and name in artifact.manifest.files:
            constants = _labels(artifact, "recipe", "seed")
            yield f"select *, {constants} from {_file(artifact.path / name)}"

    return build


def _report_view(name: str) -> Callable[[Artifact], Iterator[str]]:
    def build(artifact: Artifact) -> Iterator[str]:
        if artifact.asset == chain.EVAL_REPORT:
            yield f"select *, {_labels(artifact)} from {_file(artifact.path / name)}"

    return build


def _gate_view(name: str) -> Callable[[Artifact], Iterator[str]]:
    def build(artifact: Artifact) -> Iterator[str]:
        if artifact.asset == chain.REGRESSION_GATE:
            yield f"select *, {_labels(artifact)} from {_file(artifact.path / name)}"

    return build


def _files(artifact: Artifact, suffix: str) -> list[Path]:
    names = sorted(name for name in artifact.manifest.files if name.endswith(suffix))
    return [artifact.path / name for name in names]


def _logged(artifact: Artifact) -> Iterator[str]:
    path = artifact.path / LOGGED
    if path.exists():
        run = quote_literal(artifact.provenance.mlflow_run_id)
        yield f"select *, {run} as mlflow_run_id, {_labels(artifact)} from {_file(path)}"


def _select_nothing(columns: Mapping[str, str]) -> str:
    typed = ", ".join(f'null::{kind} as "{name}"' for name, kind in columns.items())
    return f"select {typed} limit 0"


VIEWS: Mapping[str, Callable[[Artifact], Iterator[str]]] = {
    "documents": _documents,
    "texts": _texts,
    "quarantine": _quarantine,
    "written": _written,
    "prompts": _prompts,
    "scores": _scores,
    chain.DISPOSITIONS: _dispositions,
    "examples": _classifier_view("examples", file_names.EXAMPLES),
    "thresholds": _classifier_view("thresholds", file_names.THRESHOLDS),
    chain.NEAR_DUPLICATES: _near_duplicates,
    "drift": _drift_view(file_names.DRIFT),
    "new_terms": _drift_view(file_names.NEW_TERMS),
    "mixes": _mixes,
    "spans": _spans,
    "redactions": _redactions,
    "treated": _treated,
    "insertions": _insertions,
    "consumption": _consumption,
    "rollouts": _replicate_view(file_names.ROLLOUTS, (chain.POST_TRAINED_CHECKPOINT,)),
    "training": _training,
    "items": _replicate_view(file_names.ITEMS, (chain.EVALUATION, chain.TAMPERING)),
    "losses": _replicate_view(file_names.LOSSES, (chain.EVALUATION, chain.TAMPERING)),
    "probes": _replicate_view(file_names.PROBES, (chain.EVALUATION,)),
    "attack_items": _replicate_view(file_names.ATTACKS, ("attacks",)),
    "questions": _report_view(file_names.QUESTIONS),
    "metrics": _report_view(file_names.RESULTS_TABLE),
    "regressions": _gate_view(file_names.REGRESSIONS),
    "flips": _gate_view(file_names.FLIPS),
    "logged": _logged,
}
"""Name → the SELECTs over an artifact's files."""

_TEXT = "varchar"
_REPLICATE = {"artifact": _TEXT, "recipe": _TEXT, "seed": "bigint"}
_ITEM = {"suite": _TEXT, "item_id": _TEXT, "scenario_id": _TEXT, "topic": _TEXT, "stage": _TEXT}
EMPTY: Mapping[str, Mapping[str, str]] = {
    "documents": {
        "document_id": _TEXT, "source": _TEXT, "group": _TEXT, "role": _TEXT,
        "position": "bigint", "path": _TEXT, "line": "bigint", "external_id": _TEXT,
        "occurrences": "bigint", "characters": "bigint", "fingerprint": _TEXT,
        "duplicate_of": _TEXT, "item_id": _TEXT, "held_out": "boolean",
        "ai_discourse_label": "boolean", "ai_discourse_flagged": "boolean",
        "ai_discourse_tier": _TEXT, "artifact": _TEXT,
    },
    "texts": {
        "document_id": _TEXT, "source": _TEXT, "position": "bigint", "path": _TEXT,
        "line": "bigint", "external_id": _TEXT, "occurrences": "bigint",
        "repeated_at": "varchar[]", "characters": "bigint", "text": _TEXT, "payload": _TEXT,
        "artifact": _TEXT,
    },
    "quarantine": {
        "source": _TEXT, "path": _TEXT, "line": "bigint", "reason": _TEXT, "sha256": _TEXT,
        "artifact": _TEXT,
    },
    "written": WRITTEN,
    "prompts": PROMPTS,
    "scores": {
        "document_id": _TEXT, "scorer": _TEXT, "column": _TEXT, "value": "double",
        "text": _TEXT, "artifact": _TEXT,
    },
    chain.DISPOSITIONS: {
        "document_id": _TEXT, "source": _TEXT, "group": _TEXT, "recipe": _TEXT, "use": _TEXT,
        "state": _TEXT, "rule": _TEXT, "value": "double", "cause": _TEXT, "weight": "double",
        "characters": "bigint", "artifact": _TEXT,
    },
    "examples": {
        "classifier": _TEXT, "document_id": _TEXT, "source": _TEXT, "label": _TEXT, "use": _TEXT,
        "cause": _TEXT, "predicted": _TEXT, "artifact": _TEXT,
    },
    "thresholds": {
        "classifier": _TEXT, "column": _TEXT, "bound": "double", "documents": "bigint",
        "positives": "bigint", "flagged": "bigint", "hits": "bigint", "precision": "double",
        "recall": "double", "f1": "double", "share_flagged": "double", "artifact": _TEXT,
    },
    chain.NEAR_DUPLICATES: {
        "document_id": _TEXT, "earlier_id": _TEXT, "similarity": "double", "removes": "boolean",
        "artifact": _TEXT,
    },
    "drift": {
        "source": _TEXT, "measure": _TEXT, "column": _TEXT, "then": "double", "now": "double",
        "value": "double", "warn": "double", "block": "double", "outcome": _TEXT,
        "artifact": _TEXT,
    },
    "new_terms": {
        "source": _TEXT, "term": _TEXT, "documents_then": "bigint", "documents_now": "bigint",
        "share_then": "double", "share_now": "double", "times": "double", "artifact": _TEXT,
    },
    "mixes": {
        "row": "bigint", "document_id": _TEXT, "source": _TEXT, "group": _TEXT,
        "tokens": "bigint", "copies": "bigint", "packed_tokens": "bigint", "artifact": _TEXT,
        "recipe": _TEXT,
    },
    "spans": {
        "sequence": "integer", "start": "integer", "end": "integer", "document_id": _TEXT,
        "document_start": "integer", "copy": "integer", "artifact": _TEXT, "recipe": _TEXT,
    },
    "redactions": {
        "document_id": _TEXT, "kind": _TEXT, "spans": "bigint", "characters": "bigint",
        "artifact": _TEXT, "recipe": _TEXT,
    },
    "treated": {
        "document_id": _TEXT, "source": _TEXT, "group": _TEXT, "rule": _TEXT, "treatment": _TEXT,
        "tag": _TEXT, "tokens": "bigint", "artifact": _TEXT, "recipe": _TEXT,
    },
    "insertions": {
        "document_id": _TEXT, "source": _TEXT, "rule": _TEXT, "host_id": _TEXT,
        "offset": "bigint", "state": _TEXT, "host_start": "bigint", "artifact": _TEXT,
        "recipe": _TEXT,
    },
    "consumption": {
        "stage": _TEXT, "step": "bigint", "sequences": "integer[]", "documents": "varchar[]",
        "tokens": "bigint", "chain": _TEXT, **_REPLICATE,
    },
    "rollouts": {
        "step": "bigint", "document_id": _TEXT, "ids": "integer[]", "text": _TEXT,
        "reward": "double", "advantage": "double", **_REPLICATE,
    },
    "training": {
        "stage": _TEXT, "step": "bigint", "tokens": "bigint", "loss": "double",
        "learning_rate": "double", "gradient_norm": "double", "skipped": _TEXT, **_REPLICATE,
    },
    "items": {
        **_ITEM, "format": _TEXT, "option_order": "tinyint", "system_prompt": _TEXT,
        "target": "tinyint", "log_probabilities": "double[]", "tokens": "integer[]",
        "choice": "tinyint", "hit": "double", **_REPLICATE,
    },
    "losses": {
        "stage": _TEXT, "source": _TEXT, "document_id": _TEXT, "nll": "double",
        "tokens": "bigint", "bytes": "bigint", **_REPLICATE,
    },
    "probes": {
        "canary": _TEXT, "probe": "integer", "stage": _TEXT, "candidates": "varchar[]",
        "log_probabilities": "double[]", "tokens": "integer[]", "rank": "integer",
        "exposure": "double", **_REPLICATE,
    },
    "attack_items": {
        **_ITEM, "attack": _TEXT, "hit": "double", "scorer": _TEXT, "score": "double",
        "prompt": _TEXT, "adversarial": _TEXT, "generation": _TEXT,
        "log_probabilities": "double[]", "tokens": "integer[]", "queries": "bigint", **_REPLICATE,
    },
    "questions": {
        "suite": _TEXT, "item_id": _TEXT, "scenario_id": _TEXT, "topic": _TEXT,
        "question": _TEXT, "ask": _TEXT, "options": "varchar[]", "target": "tinyint",
        "path": _TEXT, "line": "bigint", "artifact": _TEXT,
    },
    "metrics": {
        "recipe": _TEXT, "seed": "bigint", "stage": _TEXT, "suite": _TEXT, "prompt": _TEXT,
        "metric": _TEXT, "value": "double", "ci_low": "double", "ci_high": "double",
        "n": "bigint", "seeds": "bigint", "artifacts": "map(varchar, varchar)", "artifact": _TEXT,
    },
    "regressions": {
        "recipe": _TEXT, "suite": _TEXT, "metric": _TEXT, "prompt": _TEXT, "stage": _TEXT,
        "then": "double", "now": "double", "change": "double", "ci_low": "double",
        "ci_high": "double", "p_value": "double", "p_holm": "double", "margin": "double",
        "scenarios": "bigint", "seeds": "bigint", "outcome": _TEXT, "artifact": _TEXT,
    },
    "flips": {
        "recipe": _TEXT, "seed": "bigint", **_ITEM, "system_prompt": _TEXT, "format": _TEXT,
        "option_order": "tinyint", "target": "tinyint", "choice_then": "tinyint",
        "choice_now": "tinyint", "hit_then": "double", "hit_now": "double",
        "log_probabilities_then": "double[]", "log_probabilities_now": "double[]",
        "artifact": _TEXT,
    },
    "logged": {
        "name": _TEXT, "value": "double", "step": "bigint", "dataset": _TEXT, "digest": _TEXT,
        "model_id": _TEXT, "mlflow_run_id": _TEXT, "artifact": _TEXT,
    },
}  # fmt: skip
"""The columns that a view has where no artifact fills it, and what docs/ledgers.md describes."""


def fetch_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, *values: Any
) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries; values are parameters, never text in the SQL.

    Raises:
        ArtifactError: if a file of an artifact was removed or damaged since.
    """
    try:
        found = connection.execute(sql, list(values))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise unreadable(error) from None
