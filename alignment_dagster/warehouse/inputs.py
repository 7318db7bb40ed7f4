"""What a dbt run reads: the files of the lake, listed in an index that the project looks up."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from alignment_dagster import chain
from alignment_dagster.study import Study
from alignment_dagster.warehouse.declared_tables import Columns, Row, write_plan, write_table
from alignment_dagster.warehouse.paths import Warehouse

INDEX: Columns = {
    "kind": pa.string(),
    "name": pa.string(),
    "path": pa.string(),
    "recipe": pa.string(),
    "seed": pa.int64(),
}


ITEMS: Columns = {
    "stage": pa.string(),
    "suite": pa.string(),
    "system_prompt": pa.string(),
    "scenario_id": pa.string(),
    "format": pa.string(),
    "hit": pa.float64(),
}
LOSSES: Columns = {
    "stage": pa.string(),
    "source": pa.string(),
    "document_id": pa.string(),
    "nll": pa.float64(),
    "bytes": pa.int64(),
}
NEAR_DUPLICATES: Columns = {
    "document_id": pa.string(),
    "earlier_id": pa.string(),
    "similarity": pa.float64(),
}
ATTACKS: Columns = {
    "stage": pa.string(),
    "suite": pa.string(),
    "scenario_id": pa.string(),
    "item_id": pa.string(),
    "attack": pa.string(),
    "hit": pa.float64(),
}
"""Columns that the models read; an empty table stands for what a study does not measure."""


@dataclass(frozen=True)
class Result:
    """A file that belongs to one recipe, and to one seed where there are several."""

    path: Path
    recipe: str
    seed: int | None = None


@dataclass(frozen=True)
class Inputs:
    """The lake's files that a run reads; a run of the corpus models needs the first two."""

    documents: Sequence[Path] = ()
    """The shards of the documents of every source of `raw_corpus`."""
    repeats: Sequence[Path] = ()
    """Those of the rows whose document had been read before."""
    metadata: Sequence[Path] = ()
    """Those of what the sources brought along."""
    scores: Mapping[str, Sequence[Path]] | None = None
    """Scorer → its shards of every source of `scored_corpus`."""
    failures: Sequence[Path] = ()
    """The documents that a scorer could not score."""
    compositions: Sequence[Result] = ()
    """`composition.parquet` of every recipe's mix."""
    items: Sequence[Result] = ()
    """`items.parquet` of every recipe and seed."""
    losses: Sequence[Result] = ()
    """`losses.parquet` of every recipe and seed."""
    tampered_items: Sequence[Result] = ()
    """`items.parquet` of every tampering."""
    tampered_losses: Sequence[Result] = ()
    """`losses.parquet` of every tampering."""
    attacks: Sequence[Result] = ()
    """`attacks.parquet` of every recipe and seed."""
    near_duplicates: Sequence[Path] = ()
    """`near_duplicates.parquet`, where the study looks for them."""


def prepare(warehouse: Warehouse, study: Study, inputs: Inputs) -> None:
    """Lay out what the next run reads, and empty the folder that it exports to."""
    warehouse.inputs.mkdir(parents=True, exist_ok=True)
    plan = write_plan(study, warehouse.inputs)
    scores = inputs.scores or {}
    near = inputs.near_duplicates or [
        write_table([], NEAR_DUPLICATES, warehouse.inputs / "no_near_duplicates.parquet")
    ]
    rows = [
        *(_row("plan", name, path) for name, path in plan.items()),
        *(_row("documents", "raw_documents", path) for path in inputs.documents),
        *(_row("documents", "raw_repeats", path) for path in inputs.repeats),
        *(_row("documents", "raw_metadata", path) for path in inputs.metadata),
        *(_row("documents", "failures", path) for path in inputs.failures),
        *(_row("documents", "near_duplicates", path) for path in near),
        *(_row("scores", name, path) for name, paths in scores.items() for path in paths),
        *_results("mix_compositions", inputs.compositions),
        *_results("item_results", inputs.items),
        *_results("losses", inputs.losses),
    ]
    optional = {
        "tampered_items": (inputs.tampered_items, ITEMS),
        "tampered_losses": (inputs.tampered_losses, LOSSES),
        "attack_results": (inputs.attacks, ATTACKS),
    }
    for name, (results, columns) in optional.items():
        none = Result(write_table([], columns, warehouse.inputs / f"no_{name}.parquet"), "none")
        rows += _results(name, results or [none])
    write_table(rows, INDEX, warehouse.inputs / "inputs.parquet")
    shutil.rmtree(warehouse.exports, ignore_errors=True)
    (warehouse.exports / chain.DISPOSITIONS).mkdir(parents=True)


def _row(kind: str, name: str, path: Path) -> Row:
    return {"kind": kind, "name": name, "path": str(path), "recipe": None, "seed": None}


def _results(name: str, results: Sequence[Result]) -> list[Row]:
    return [
        {**_row("results", name, result.path), "recipe": result.recipe, "seed": result.seed}
        for result in results
    ]
