"""An artifact altered and everything made from it written anew, so that all records agree."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import LOGGED, PROVENANCE, STATEMENT, Manifest
from alignment_dagster.lineage.mlflow_tags import short_digest
from alignment_dagster.lineage.provenance import Provenance
from alignment_dagster.lineage.signing import Signer
from alignment_dagster.lineage.statement import (
    build_statement,
    read_envelope,
    record_digest,
    write_statement,
)
from drills.tamper.place import Place, write_json

TEXTS = (".json", ".html")


class Forgery:
    """Alters one artifact and carries its new identity through all that was made from it."""

    def __init__(self, place: Place, signer: Signer | None) -> None:
        self.place = place
        self.signer = signer
        self.renamed: dict[str, str] = {}
        """Every old version and digest → the new one."""

    def forge(self, root: Artifact, alter: Callable[[Path], None]) -> Artifact:
        """The altered artifact in its new place; without a signer the statements stay."""
        archive = self.place.archive
        new = None
        for artifact in archive.descendants([archive.artifact(*_key(root))]):
            if new is None:
                alter(artifact.path)
            else:
                self._carry(artifact.path)
            forged = self._publish(artifact)
            new = new or forged
        assert new is not None
        return new

    def _carry(self, folder: Path) -> None:
        """New names in every file, as an honest run would have written them."""
        for path in sorted(folder.rglob("*")):
            if path.name in (PROVENANCE, STATEMENT) or not path.is_file():
                continue
            if path.suffix in TEXTS:
                path.write_text(self.rename(path.read_text(encoding="utf-8")), encoding="utf-8")
            elif path.suffix == ".parquet":
                self._carry_table(path)

    def _carry_table(self, path: Path) -> None:
        table = pq.read_table(path)
        rows = json.dumps(table.to_pylist(maps_as_pydicts="strict"))
        if self.rename(rows) != rows:
            again = pa.Table.from_pylist(json.loads(self.rename(rows)), schema=table.schema)
            pq.write_table(again, path)

    def rename(self, text: str) -> str:
        """The text with new versions and digests for old ones."""
        for old, new in self.renamed.items():
            text = text.replace(old, new)
        return text

    def _publish(self, old: Artifact) -> Artifact:
        folder = old.path
        manifest = Manifest.of(folder)
        manifest.write(folder)
        for name, digest in old.manifest.files.items():
            if name in manifest.files:
                self._renames(digest, manifest.files[name])
        self._renames(old.digest, manifest.digest)
        self._renames(short_digest(old.digest), short_digest(manifest.digest))
        if (folder / LOGGED).exists():
            self._carry_table(folder / LOGGED)
        provenance = self._provenance(folder, manifest)
        self._renames(old.version, provenance.version)
        record = old.record
        if self.signer is not None:
            sign(folder, manifest, provenance, self.signer)
            self._renames(record, record_digest(read_envelope(folder)))
        target = folder.with_name(provenance.version)
        folder.rename(target)
        return Artifact(target, old.asset, old.partition, manifest, provenance)

    def _provenance(self, folder: Path, manifest: Manifest) -> Provenance:
        text = self.rename((folder / PROVENANCE).read_text(encoding="utf-8"))
        before = Provenance.model_validate_json(text)
        provenance = before.model_copy(
            update={"input_digest": before.inputs.digest, "output_digest": manifest.digest}
        )
        write_json(folder / PROVENANCE, provenance.model_dump(mode="json"))
        self._renames(before.input_digest, provenance.input_digest)
        return provenance

    def _renames(self, old: str, new: str) -> None:
        if old != new:
            self.renamed[old] = new


def sign(folder: Path, manifest: Manifest, provenance: Provenance, signer: Signer) -> None:
    """A new statement over the records as they lie there."""
    write_statement(folder, signer.sign(build_statement(folder, manifest, provenance)))


def sign_all(artifacts: Iterable[Artifact], signer: Signer) -> None:
    """New signatures for all; what is signed stays the same."""
    for artifact in artifacts:
        sign(artifact.path, artifact.manifest, artifact.provenance, signer)


def edit_provenance(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the record's content in place, and nothing that goes with it."""
    content = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    change(content)
    write_json(folder / PROVENANCE, content)


def _key(artifact: Artifact) -> tuple[str, str | None, str]:
    return (artifact.asset, artifact.partition, artifact.version)
