"""The columns of the models: their types, what they mean, and the columns they are made from.

Lineage is read from the compiled SQL alone. dagster-dbt's `fetch_column_metadata` finds the same,
but opens the warehouse in Dagster's own process and keeps it open, which locks dbt out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from sqlglot import exp, parse_one
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify

from alignment_dagster.warehouse.paths import Warehouse

DIALECT = "duckdb"
Relations = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Column:
    """A column of a model, with the columns of other assets that it is computed from."""

    name: str
    type: str
    """As in the exported file; empty for views, which are not exported."""
    description: str
    origins: tuple[tuple[str, str], ...]
    """(asset name without the study, column), sorted."""


def read_columns(warehouse: Warehouse) -> dict[str, tuple[Column, ...]]:
    """The columns of every model of the last dbt run, by model."""
    manifest = json.loads((warehouse.target / "manifest.json").read_text(encoding="utf-8"))
    relations = _relations(manifest)
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    found = {node["name"]: _columns(warehouse, node, relations) for node in models}
    return {name: read_columns for name, read_columns in found.items() if read_columns}


def _relations(manifest: Mapping[str, Any]) -> Relations:
    """(schema, name) of each relation → the asset it belongs to."""
    nodes = {(node["schema"], node["name"]): node["name"] for node in manifest["nodes"].values()}
    sources = {
        (source["schema"], source["identifier"]): source["config"]["meta"]["asset"]
        for source in manifest["sources"].values()
    }
    return {**nodes, **sources}


def _columns(
    warehouse: Warehouse, node: Mapping[str, Any], relations: Relations
) -> tuple[Column, ...]:
    path = warehouse.target / "compiled" / node["package_name"] / node["original_file_path"]
    if not path.exists():
        return ()
    query = parse_one(path.read_text(encoding="utf-8"), dialect=DIALECT)
    query = qualify(query, dialect=DIALECT, validate_qualify_columns=False)
    assert isinstance(query, exp.Query)
    files = warehouse.exported(node["name"])
    types = {field.name: str(field.type) for field in pq.read_schema(files[0])} if files else {}
    declared = node["columns"]
    lineages = lineage(None, query, {}, dialect=DIALECT, trim_selects=False)
    return tuple(
        Column(
            name=name,
            type=types.get(name, ""),
            description=" ".join(declared.get(name, {}).get("description", "").split()),
            origins=_origins(lineages[name], relations),
        )
        for name in query.named_selects
    )


def _origins(column: Node, relations: Relations) -> tuple[tuple[str, str], ...]:
    origins = set()
    for node in column.walk():
        table = node.expression.find(exp.Table)
        if table is not None and not node.downstream:
            asset = relations.get((table.db, table.name))
            if asset is not None:
                origins.add((asset, exp.to_column(node.name).name))
    return tuple(sorted(origins))
