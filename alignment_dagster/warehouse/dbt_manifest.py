"""dbt's manifest of a study: the project is parsed once for all studies of a home."""

import json
import os
from itertools import chain
from pathlib import Path
from typing import Any

from alignment_dagster.warehouse.dbt import run_dbt
from alignment_dagster.warehouse.paths import Warehouse, files_digest

NO_STUDY = ""


def read_manifest(warehouse: Warehouse) -> dict[str, Any]:
    """The study's manifest; the project is parsed anew only where its files changed.

    Raises:
        AlignmentError: if dbt cannot parse the project.
    """
    path = warehouse.folder.parent / f"manifest.{files_digest()[:16]}.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        _parse(warehouse, path)
        text = path.read_text(encoding="utf-8")
    return _rename(json.loads(text), NO_STUDY, warehouse.study)


def _parse(warehouse: Warehouse, path: Path) -> None:
    """Keep the manifest at `path`, without the study's name."""
    run_dbt(warehouse, "parse")
    parsed = json.loads((warehouse.target / "manifest.json").read_text(encoding="utf-8"))
    aside = path.with_suffix(f".{os.getpid()}.partial")
    aside.write_text(json.dumps(_rename(parsed, warehouse.study, NO_STUDY)), encoding="utf-8")
    aside.replace(path)
    for other in set(path.parent.glob("manifest.*.json")) - {path}:
        other.unlink(missing_ok=True)


def _rename(manifest: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """Between studies only the schemas differ: their names begin with that of the study."""
    for node in chain(manifest["nodes"].values(), manifest["sources"].values()):
        schema = node["schema"]
        node["schema"] = new + schema.removeprefix(old)
        if node.get("relation_name"):
            quoted = (f'."{name}".' for name in (schema, node["schema"]))
            node["relation_name"] = node["relation_name"].replace(*quoted)
    return manifest
