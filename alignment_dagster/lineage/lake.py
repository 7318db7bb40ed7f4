"""The lake: immutable artifacts at `<lake>/<study>/<asset>/<partition>/<version>/`."""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.foundation.atomic_files import atomic_file, flush_files, rename_once
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal import Journal
from alignment_dagster.lineage.locks import exclusive_lock, shared_lock
from alignment_dagster.lineage.manifest import LOGGED, STATEMENT, Manifest, differences
from alignment_dagster.lineage.metric import Dataset
from alignment_dagster.lineage.mirror import Mirror
from alignment_dagster.lineage.object_store import configured_store
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.lineage.paths import folder_of, version_folder
from alignment_dagster.lineage.provenance import (
    Inputs,
    Key,
    Parent,
    Provenance,
    read_provenance,
    write_provenance,
)
from alignment_dagster.lineage.shared_lake import SharedLake
from alignment_dagster.lineage.signing import Keys
from alignment_dagster.lineage.statement import (
    build_statement,
    read_envelope,
    record_digest,
    verify_statement,
    write_statement,
)
from alignment_dagster.lineage.tombstone import is_collected, read_tombstone

FORMAT = "4"
"""Of the lake's records; one number for all of them."""
FORMAT_FILE = "FORMAT"
KEYS = "keys"


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
    def key(self) -> Key:
        """How it is looked up."""
        return self.asset, self.partition, self.version

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def record(self) -> str:
        """The digest of the signed statement: the identity of all that is recorded of it."""
        return record_digest(read_envelope(self.path))

    @property
    def label(self) -> str:
        """`asset[partition]@version`, as messages name it."""
        return label(self.asset, self.partition, self.version)

    def as_dataset(self) -> Dataset:
        """This artifact as a dataset: asset and partition, and its content's digest."""
        return Dataset(partition_label(self.asset, self.partition), self.digest)

    def as_parent(self, part: str | None = None) -> Parent:
        """This artifact, or one file of it, as an input of another.

        Raises:
            ArtifactError: if it has no such file.
        """
        if part and part not in self.manifest.files:
            raise ArtifactError(f"{self.label}: has no {part}: it has to be made again")
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
    """Finds, verifies and publishes artifacts; never changes one.

    The keys that sign and verify lie beside it, in `keys/`. Where `ALIGNMENT_LAKE` names an object
    store, other machines share the lake: what is made here is written there first, and what is not
    here is fetched from there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys = Keys(root.parent / KEYS)
        store = configured_store()
        mirror = Mirror(store, root.parent) if store else None
        self.shared = SharedLake(root, self.keys, mirror, self.staging) if mirror else None

    def prepare(self) -> None:
        """Create the lake where there is none; the store gets what it lacks of it.

        Raises:
            ArtifactError: if there is one of another format, or the store cannot be used.
        """
        self._create()
        self._require_format_here()
        if self.shared is not None:
            self.shared.prepare(FORMAT)

    def _create(self) -> None:
        if not self.root.exists() or not any(self.root.glob("[!.]*")):
            self.root.mkdir(parents=True, exist_ok=True)
            with atomic_file(self.root / FORMAT_FILE) as aside:
                aside.write_text(FORMAT + "\n", encoding="utf-8")

    def studies(self) -> list[str]:
        """The studies that the lake has anything of."""
        found = {path.name for path in self.root.glob("[!.]*/") if any(path.iterdir())}
        if self.shared is not None:
            found |= {name.split("/")[0] for name in self.shared.mirror.artifacts()}
        return sorted(found)

    def pull(self, study: str) -> None:
        """Fetch all that other machines made of a study.

        Raises:
            ArtifactError: names what cannot be fetched, or is not what was signed.
        """
        if self.shared is not None:
            self.require_format()
            self.shared.pull(study)

    def offer(self, path: Path, content: bytes) -> bool:
        """Whether a new review may be written here: in a shared lake the first one of a number."""
        return self.shared is None or self.shared.offer(path, content)

    def require_format(self) -> None:
        """Refuse a lake that another version of this project wrote.

        Raises:
            ArtifactError: says which format it has.
        """
        if self.shared is not None:
            self._create()
            self.shared.mirror.require(FORMAT)
        self._require_format_here()

    def _require_format_here(self) -> None:
        path = self.root / FORMAT_FILE
        found = path.read_text(encoding="utf-8").strip() if path.exists() else "unknown"
        if found != FORMAT:
            raise ArtifactError(
                f"{self.root}: is a lake of format {found}, and this version reads format "
                f"{FORMAT}: use the version that wrote it, or another home"
            )

    def journal(self, study: str) -> Journal:
        """What became current in a study, in order."""
        folder = self.root / study
        return self.shared.journal(study) if self.shared else Journal(folder, self.keys)

    def folder(self, study: str, asset: str, partition: str | None) -> Path:
        """Where the versions of one partition lie."""
        return folder_of(self.root, study, asset, partition)

    def versions(self, study: str, asset: str, partition: str | None) -> list[str]:
        """The versions that exist, by name."""
        folder = self.folder(study, asset, partition)
        found = {path.parent.name for path in folder.glob(f"*/{STATEMENT}")}
        if self.shared is not None:
            found |= self.shared.versions(folder)
        return sorted(found)

    def has(self, study: str, asset: str, partition: str | None, version: str) -> bool:
        """Whether there is such a version.

        Raises:
            ArtifactError: if this is no version.
        """
        path = version_folder(self.folder(study, asset, partition), version)
        return path.is_dir() or (
            self.shared is not None and self.shared.mirror.has(self.shared.name(path))
        )

    def open(self, study: str, asset: str, partition: str | None, version: str) -> Artifact:
        """An artifact, after every one of its bytes and its signature have been verified.

        Raises:
            ArtifactError: names the artifact and each file that is missing, added or changed, or
                says when it was collected as garbage.
        """
        artifact = self.read(study, asset, partition, version)
        self.require_files(artifact)
        problems = differences(artifact.path, artifact.manifest)
        if problems:
            raise ArtifactError(f"{artifact.label}: {'; '.join(problems)} ({artifact.path})")
        self.verify_record(artifact)
        return artifact

    def require_files(self, artifact: Artifact) -> None:
        """That an artifact was not collected as garbage.

        Raises:
            ArtifactError: says when it was, by which rule, and how to have it again.
        """
        try:
            stone = read_tombstone(artifact.path)
        except ArtifactError as error:
            raise ArtifactError(f"{artifact.label}: its {error} ({artifact.path})") from None
        if stone is not None:
            raise ArtifactError(
                f"{artifact.label}: {stone.words}: its records are here, its files are not. "
                f"To make it again, declare what it was made from and run the study"
            )

    def verify_record(self, artifact: Artifact) -> str:
        """That a trusted key signed the records beside the artifact as they are; the key's id.

        Raises:
            ArtifactError: names the artifact and what is not as it was signed.
        """
        try:
            _, key = verify_statement(
                artifact.path, artifact.manifest, artifact.provenance, self.keys
            )
        except ArtifactError as error:
            raise ArtifactError(f"{artifact.label}: {error} ({artifact.path})") from None
        return key

    def read(self, study: str, asset: str, partition: str | None, version: str) -> Artifact:
        """An artifact by its records alone: cheap, for listing and for finding what is up to date.

        Raises:
            ArtifactError: if this is no version, or manifest, provenance and address disagree.
        """
        path = version_folder(self.folder(study, asset, partition), version)
        if self.shared is not None:
            self.shared.fetch(path)
        manifest = Manifest.read(path)
        provenance = read_provenance(path)
        artifact = Artifact(path, asset, partition, manifest, provenance)
        if provenance.output_digest != manifest.digest:
            raise ArtifactError(f"{artifact.label}: manifest and provenance disagree ({path})")
        if provenance.inputs.digest != provenance.input_digest or provenance.version != version:
            raise ArtifactError(f"{artifact.label}: the provenance is not that of this version")
        return artifact

    def find(self, inputs: Inputs) -> Artifact | None:
        """The artifact that was made from exactly these inputs, if its files are there."""
        digest = inputs.digest
        folder = self.folder(inputs.study, inputs.asset, inputs.partition)
        for version in self.versions(inputs.study, inputs.asset, inputs.partition):
            if is_collected(folder / version):
                continue
            artifact = self.read(inputs.study, inputs.asset, inputs.partition, version)
            if artifact.provenance.input_digest == digest:
                return artifact
        return None

    def shared_lock(self, study: str) -> AbstractContextManager[None]:
        """As `locks.shared_lock`: for whoever is about to refer to artifacts of a study."""
        return shared_lock(self.root, study)

    def exclusive_lock(self, study: str) -> AbstractContextManager[None]:
        """As `locks.exclusive_lock`: for whoever removes artifacts of a study."""
        return exclusive_lock(self.root, study)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder on the lake's file system; what is not published from it is removed."""
        folder = self.root / ".staging" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(
        self, staged: Path, provenance: Provenance, logged: pa.Table | None = None
    ) -> Artifact:
        """Sign a finished folder and move it to its place; an existing version is kept.

        One that was collected as garbage stays so, with its records: what was made from the same
        inputs since has parents and runs of its own, and is another version. A shared lake's
        store has it before it has its place here.

        Args:
            logged: what MLflow was told; recorded beside the files.
        """
        inputs = provenance.inputs
        place = self.folder(inputs.study, inputs.asset, inputs.partition)
        while is_collected(place / provenance.version):
            generation = provenance.generation + 1
            provenance = provenance.model_copy(update={"generation": generation})
        manifest = Manifest.of(staged)
        manifest.write(staged)
        write_provenance(provenance, staged)
        if logged is not None:
            pq.write_table(logged, staged / LOGGED)
        statement = build_statement(staged, manifest, provenance)
        write_statement(staged, self.keys.signer().sign(statement))
        flush_files(staged)
        target = place / provenance.version
        made = target if target.exists() else staged
        if self.shared is None or self.shared.push(target, made):
            rename_once(made, target)
        # Another machine was faster: its version is fetched.
        return self.open(inputs.study, inputs.asset, inputs.partition, target.name)


def altered_files(files: Iterable[tuple[Artifact, str]]) -> list[str]:
    """Those files of artifacts that are not what the manifests say, by label and name."""
    return [
        f"{artifact.label} {name}"
        for artifact, name in files
        if sha256_file(artifact.path / name) != artifact.manifest.files[name]
    ]
