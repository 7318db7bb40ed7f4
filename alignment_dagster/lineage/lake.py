"""The lake: immutable artifacts at `<lake>/<study>/<asset>/<partition>/<version>/`."""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.digests import sha256_file
from alignment_dagster.errors import ArtifactError
from alignment_dagster.lineage.data import Data
from alignment_dagster.lineage.manifest import PROVENANCE, Manifest, differences
from alignment_dagster.lineage.provenance import (
    Inputs,
    Parent,
    Provenance,
    read_provenance,
    write_provenance,
)

UNPARTITIONED = "all"


@dataclass(frozen=True)
class Artifact:
    """An immutable folder in the lake, with its manifest and provenance."""

    path: Path
    asset: str
    partition: str | None
    manifest: Manifest
    provenance: Provenance

    @property
    def version(self) -> str:
        return self.path.name

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def label(self) -> str:
        """`asset[partition]@version`, as messages name it."""
        return label(self.asset, self.partition, self.version)

    def as_data(self) -> Data:
        """This artifact as a dataset: asset and partition, and its content's digest."""
        name = f"{self.asset}[{self.partition}]" if self.partition else self.asset
        return Data(name, self.digest)

    def as_parent(self, part: str | None = None) -> Parent:
        """This artifact, or one file of it, as an input of another."""
        return Parent(
            asset=self.asset,
            partition=self.partition,
            version=self.version,
            digest=self.manifest.files[part] if part else self.digest,
            part=part,
        )


def label(asset: str, partition: str | None, version: str) -> str:
    """How an artifact is named to a person."""
    return f"{asset}[{partition}]@{version}" if partition else f"{asset}@{version}"


class Lake:
    """Finds, verifies and publishes artifacts; never changes one."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, study: str, asset: str, partition: str | None) -> Path:
        """Where the versions of one partition lie."""
        name = (partition or UNPARTITIONED).replace("|", ".")
        return self.root / study / asset / name

    def versions(self, study: str, asset: str, partition: str | None) -> list[str]:
        """The versions that exist, by name."""
        folder = self.folder(study, asset, partition)
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if (path / PROVENANCE).exists())

    def open(self, study: str, asset: str, partition: str | None, version: str) -> Artifact:
        """An artifact, after every one of its bytes has been compared with its manifest.

        Raises:
            ArtifactError: names the artifact and each file that is missing, added or changed.
        """
        artifact = self.peek(study, asset, partition, version)
        problems = differences(artifact.path, artifact.manifest)
        if problems:
            raise ArtifactError(f"{artifact.label}: {'; '.join(problems)} ({artifact.path})")
        return artifact

    def peek(self, study: str, asset: str, partition: str | None, version: str) -> Artifact:
        """An artifact by its records alone: cheap, for listing and for finding what is up to date.

        Raises:
            ArtifactError: if manifest, provenance and address disagree.
        """
        path = self.folder(study, asset, partition) / version
        manifest = Manifest.read(path)
        provenance = read_provenance(path)
        artifact = Artifact(path, asset, partition, manifest, provenance)
        if provenance.output_digest != manifest.digest:
            raise ArtifactError(f"{artifact.label}: manifest and provenance disagree ({path})")
        if provenance.inputs.digest != provenance.input_digest or provenance.version != version:
            raise ArtifactError(f"{artifact.label}: the provenance is not that of this version")
        return artifact

    def find(self, inputs: Inputs) -> Artifact | None:
        """The artifact that was made from exactly these inputs, if there is one."""
        digest = inputs.digest
        for version in self.versions(inputs.study, inputs.asset, inputs.partition):
            artifact = self.peek(inputs.study, inputs.asset, inputs.partition, version)
            if artifact.provenance.input_digest == digest:
                return artifact
        return None

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder on the lake's file system; what is not published from it is removed."""
        folder = self.root / ".staging" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, staged: Path, provenance: Provenance) -> Artifact:
        """Move a finished folder to its place; an existing version is kept, never overwritten."""
        inputs = provenance.inputs
        manifest = Manifest.of(staged)
        manifest.write(staged)
        write_provenance(provenance, staged)
        _flush(staged)
        target = self.folder(inputs.study, inputs.asset, inputs.partition) / provenance.version
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.rename(staged, target)
            _flush_folder(target.parent)
        return self.open(inputs.study, inputs.asset, inputs.partition, target.name)


def _flush(folder: Path) -> None:
    """Bytes reach the disk before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def altered_files(files: Iterable[tuple[Artifact, str]]) -> list[str]:
    """Those files of artifacts that are not what the manifests say, by label and name."""
    return [
        f"{artifact.label} {name}"
        for artifact, name in files
        if sha256_file(artifact.path / name) != artifact.manifest.files[name]
    ]
