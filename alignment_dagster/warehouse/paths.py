"""Where dbt works for a study, and which project it runs."""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.shipped import shipped

PROJECT = shipped("dbt_project")
"""Read only: a wheel's lies among installed packages, and dbt writes elsewhere."""
SOURCES = ("*.sql", "*.yml")
COMPUTED = ("target", "logs", "dbt_packages")


@dataclass(frozen=True)
class Warehouse:
    """dbt's folders for one study; every path stays the same from run to run.

    Because nothing that dbt is told changes between runs, it parses the project only once.
    """

    home: Home
    study: str

    @property
    def folder(self) -> Path:
        return self.home.root / "dbt" / self.study

    @property
    def inputs(self) -> Path:
        """The index of input files and the declared plan."""
        return self.folder / "inputs"

    @property
    def exports(self) -> Path:
        """Where the marts are left as Parquet."""
        return self.folder / "exports"

    @property
    def target(self) -> Path:
        """dbt's own folder: log, compiled SQL, results, and the parsed project."""
        return self.folder / "target"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that the dbt project reads."""
        return {
            "ALIGNMENT_WAREHOUSE": str(self.home.warehouse),
            "ALIGNMENT_STUDY": self.study,
            "ALIGNMENT_INPUTS": str(self.inputs),
            "ALIGNMENT_EXPORTS": str(self.exports),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    def exported(self, model: str) -> list[Path]:
        """The Parquet files that a model left: one, or one for each recipe; none for a view."""
        single = self.exports / f"{model}.parquet"
        return [single] if single.exists() else sorted((self.exports / model).glob("*.parquet"))


def dbt_executable() -> Path:
    """The `dbt` command of this environment, whether or not it is activated."""
    return Path(sys.executable).parent / "dbt"


@cache
def project_digest(project: Path = PROJECT) -> str:
    """Hex SHA-256 of what a dbt project computes: models, tests, macros and settings.

    The descriptions and comments of YAML files change no table, and are no part of it.
    """
    return sha256_json([(name, _content_digest(path)) for name, path in _sources(project)])


@cache
def files_digest(project: Path = PROJECT) -> str:
    """Hex SHA-256 of a dbt project's files, byte for byte: what dbt has to parse again."""
    return sha256_json([(name, sha256_file(path)) for name, path in _sources(project)])


def _sources(project: Path) -> list[tuple[str, Path]]:
    """The project's own files by their names in it."""
    files = sorted({path for pattern in SOURCES for path in project.rglob(pattern)})
    named = [(path.relative_to(project), path) for path in files]
    return [(name.as_posix(), path) for name, path in named if name.parts[0] not in COMPUTED]


def _content_digest(path: Path) -> str:
    if path.suffix != ".yml":
        return sha256_file(path)
    return sha256_json(_undescribed(yaml.safe_load(path.read_text(encoding="utf-8"))))


def _undescribed(value: Any) -> Any:
    """The same without the fields `description`, at every depth."""
    if isinstance(value, dict):
        return {key: _undescribed(one) for key, one in value.items() if key != "description"}
    return [_undescribed(one) for one in value] if isinstance(value, list) else value
