"""The warehouse: running the dbt project on a study's artifacts, without Dagster.

Only dbt opens `warehouse.duckdb`. It finds its input through a small index of Parquet files and
leaves its marts as Parquet in `exports`; what is declared reaches it as tables, never as SQL.
"""

from alignment_dagster.warehouse.columns import Column, read_columns
from alignment_dagster.warehouse.dbt import (
    BUILD,
    CORPUS,
    RESULTS,
    Outcome,
    build,
    lock_error,
    require_passed,
    run_dbt,
)
from alignment_dagster.warehouse.dbt_manifest import read_manifest
from alignment_dagster.warehouse.declared_tables import write_plan
from alignment_dagster.warehouse.inputs import Inputs, Result, prepare
from alignment_dagster.warehouse.paths import PROJECT, Warehouse, dbt_executable, project_digest

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
    "dbt_executable",
    "lock_error",
    "prepare",
    "project_digest",
    "read_columns",
    "read_manifest",
    "require_passed",
    "run_dbt",
    "write_plan",
]
