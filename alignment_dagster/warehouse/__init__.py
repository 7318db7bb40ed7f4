"""The warehouse: running the dbt project on a study's artifacts, without Dagster.

Only dbt opens `warehouse.duckdb`. It finds its input through a small index of Parquet files and
leaves its marts as Parquet in `exports`; what is declared reaches it as tables, never as SQL.
"""

from alignment_dagster.warehouse.columns import Column, columns
from alignment_dagster.warehouse.dbt import (
    BUILD,
    CORPUS,
    RESULTS,
    Outcome,
    build,
    ensure_manifest,
    lock_error,
    require,
    run_dbt,
)
from alignment_dagster.warehouse.declared_tables import write_plan
from alignment_dagster.warehouse.inputs import Inputs, Result, prepare
from alignment_dagster.warehouse.paths import PROJECT, Warehouse, executable, project_digest

__all__ = [
    "BUILD",
    "CORPUS",
    "PROJECT",
    "RESULTS",
    "Column",
    "Inputs",
    "Outcome",
    "Result",
    "Warehouse",
    "build",
    "columns",
    "ensure_manifest",
    "executable",
    "lock_error",
    "prepare",
    "project_digest",
    "require",
    "run_dbt",
    "write_plan",
]
