"""Provenance: from which exact inputs, by which code and where an artifact was made."""

import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from alignment_dagster.foundation.digests import sha256_json, sha256_text
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.lineage.manifest import PROVENANCE
from alignment_dagster.lineage.partition_keys import Partition

RECORDED_PACKAGES = (
    "alignment-dagster", "dagster", "dbt-core", "dbt-duckdb", "duckdb", "mlflow", "numpy", "peft",
    "pyarrow", "safetensors", "scipy", "tokenizers", "torch", "transformers", "trl",
)  # fmt: skip


PLACEMENT = ("device", "driver", "cuda", "determinism")
"""What a job says of where it ran; no input, and named by `diff` where numbers differ."""

LAST_DOCUMENT = "last_document"
"""What a tokenizer measures: it read the documents with ids up to this one."""

RESUMED_FROM = "resumed_from_state"
"""Measured of a training that went on from what a stopped run had left: the SHA-256 of that."""
BASE = "base checkpoint"
"""Among the inputs from outside the lake: the checkpoint that was trained elsewhere."""

Key = tuple[str, Partition, str]
"""How an artifact is looked up: asset, partition, version."""


class Parent(Declared):
    """One exact input: which asset, partition and version, with the manifest's digest."""

    asset: str
    partition: str | None
    version: str
    digest: str
    part: str | None = None
    """The one file that was read; `digest` is then that file's."""

    @property
    def key(self) -> Key:
        """Of the artifact."""
        return self.asset, self.partition, self.version


class Check(Declared):
    """The outcome of a check, as it was when the artifact was made."""

    name: str
    passed: bool
    summary: str
    blocking: bool = True
    """Whether nothing may be made from the artifact unless it passes."""


class Inputs(Declared):
    """What determines an artifact's bytes; its digest decides whether anything has to run."""

    study: str
    asset: str
    partition: str | None
    declaration: str
    code_version: str
    """Of the step: raised when its bytes change on purpose."""
    parents: Annotated[tuple[Parent, ...], Field(strict=False)]
    external_inputs: dict[str, str] = Field(default_factory=dict)
    """Digests of what is read from outside the lake: source files, lexicons, items."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 over the content of every input.

        A parent counts by its content only: made again with the same bytes, it changes nothing.
        """
        content = self.model_dump(mode="json")
        for parent in content["parents"]:
            del parent["version"]
        return sha256_json(content)


class Provenance(Declared):
    """The record that lies beside every artifact."""

    inputs: Inputs
    input_digest: str
    output_digest: str
    declared: dict[str, Any]
    """The declaration's text that `inputs.declaration` is the digest of."""
    code_digest: str
    """Of the modules that made it: evidence, and no input. Texts and moved files change it too."""
    environment: dict[str, str]
    git: dict[str, str]
    dagster_run_id: str | None
    mlflow_run_id: str | None
    started: str
    seconds: float
    measured: dict[str, float | str]
    models: dict[str, str]
    """Stage → the id of MLflow's logged model."""
    checks: Annotated[tuple[Check, ...], Field(strict=False)]
    claims: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Digests of what the study claimed when the artifact was made: no part of the inputs, so a
    claim made later changes nothing, and is seen to be later."""

    modules: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Those that `code_digest` is of, with all that they import; a record from before has none."""
    generation: int = 1
    """Counts on where it is made again from the same inputs after it was collected as garbage."""

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.blocking and not check.passed)

    @property
    def version(self) -> str:
        """The artifact's address: what it is, and what it was made from."""
        again = (str(self.generation),) if self.generation > 1 else ()
        return sha256_text(self.output_digest, self.input_digest, *again)[:16]


def write_provenance(provenance: Provenance, folder: Path) -> None:
    """Write the record beside the artifact's files."""
    text = json.dumps(provenance.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / PROVENANCE).write_text(text + "\n", encoding="utf-8")


def read_provenance(folder: Path) -> Provenance:
    """The record beside an artifact.

    Raises:
        ArtifactError: if it is missing or damaged.
    """
    try:
        return Provenance.model_validate_json((folder / PROVENANCE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{folder}: has no {PROVENANCE}") from None
    except ValidationError as error:
        raise ArtifactError(f"{folder / PROVENANCE}: damaged ({error})") from None


@cache
def environment() -> dict[str, str]:
    """Python, machine and the versions of the packages that matter for the result."""
    versions = {name: _version(name) for name in RECORDED_PACKAGES}
    return {"python": platform.python_version(), "machine": platform.machine(), **versions}


def placed(measured: Mapping[str, float | str]) -> dict[str, str]:
    """Of what a job measured, where it ran."""
    return {name: str(measured[name]) for name in PLACEMENT if name in measured}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
