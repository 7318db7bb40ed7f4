"""What a dbt run reads: the files of the lake, listed in an index that the project looks up."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from alignment_dagster.study import Study
from alignment_dagster.warehouse.place import Warehouse
from alignment_dagster.warehouse.plan import Columns, Row, write_plan, write_table

INDEX: Columns = {
    "kind": pa.string(),
    "name": pa.string(),
    "path": pa.string(),
    "recipe": pa.string(),
    "seed": pa.int64(),
}


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
    """`documents.parquet` of every source of `raw_corpus`."""
    scores: Mapping[str, Sequence[Path]] | None = None
    """Scorer → its file of every source of `scored_corpus`."""
    compositions: Sequence[Result] = ()
    """`composition.parquet` of every recipe's mix."""
    items: Sequence[Result] = ()
    """`items.parquet` of every recipe and seed."""
    losses: Sequence[Result] = ()
    """`losses.parquet` of every recipe and seed."""


def prepare(warehouse: Warehouse, study: Study, inputs: Inputs) -> None:
    """Lay out what the next run reads, and empty the folder that it exports to."""
    warehouse.inputs.mkdir(parents=True, exist_ok=True)
    plan = write_plan(study, warehouse.inputs)
    scores = inputs.scores or {}
    rows = [
        *(_row("plan", name, path) for name, path in plan.items()),
        *(_row("documents", "raw_documents", path) for path in inputs.documents),
        *(_row("scores", name, path) for name, paths in scores.items() for path in paths),
        *_results("mix_compositions", inputs.compositions),
        *_results("item_results", inputs.items),
        *_results("losses", inputs.losses),
    ]
    write_table(rows, INDEX, warehouse.inputs / "inputs.parquet")
    shutil.rmtree(warehouse.exports, ignore_errors=True)
    (warehouse.exports / "dispositions").mkdir(parents=True)


def _row(kind: str, name: str, path: Path) -> Row:
    return {"kind": kind, "name": name, "path": str(path), "recipe": None, "seed": None}


def _results(name: str, results: Sequence[Result]) -> list[Row]:
    return [
        {**_row("results", name, result.path), "recipe": result.recipe, "seed": result.seed}
        for result in results
    ]
