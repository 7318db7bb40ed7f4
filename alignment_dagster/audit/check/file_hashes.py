"""The bytes of every file against its manifest, hashed by several threads."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from alignment_dagster.audit.check.scope import Findings
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import BESIDE
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.tombstone import is_collected

CHUNK = 1 << 20
HashFuture = Future[tuple[str, int]]


class FileHasher:
    """Hashes the artifacts' files in the background, from when it is made.

    Largest files first, so that no worker is left with a large one at the end.
    """

    def __init__(self, artifacts: Iterable[Artifact], workers: int) -> None:
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="hashing")
        self._artifacts = list(artifacts)
        self._files: dict[Key, dict[str, HashFuture]] = {}
        sized = [(path.stat().st_size, one, name) for one, name, path in self._listed()]
        for _, artifact, name in sorted(sized, key=lambda item: -item[0]):
            hashed = self._pool.submit(_hash, artifact.path / name)
            self._files.setdefault(artifact.key, {})[name] = hashed
        self._altered: dict[Key, bool] = {}

    def _listed(self) -> Iterable[tuple[Artifact, str, Path]]:
        for artifact in self._artifacts:
            for path in artifact.path.rglob("*"):
                name = path.relative_to(artifact.path).as_posix()
                if name not in BESIDE and path.is_file():
                    yield artifact, name, path

    def report(self, findings: Findings) -> None:
        """Wait for the end, and name each file that is missing, added or changed."""
        for artifact in self._artifacts:
            self._altered[artifact.key] = self._compare(artifact, findings)
        self._pool.shutdown()

    def is_intact(self, artifact: Artifact) -> bool:
        """After `report`: whether all its bytes are there, and what the manifest says."""
        return not self._altered[artifact.key]

    def _compare(self, artifact: Artifact, findings: Findings) -> bool:
        manifest = artifact.manifest
        actual = self._files.get(artifact.key, {})
        before = len(findings.gaps)
        collected = is_collected(artifact.path)
        for name in manifest.files.keys() | manifest.sizes.keys() | actual.keys():
            what = f"{artifact.label} {name}"
            if name not in actual:
                if collected:
                    continue
                findings.gap("bytes", what, "is missing")
            elif name not in manifest.files:
                findings.gap("bytes", what, "was added: the manifest does not name it")
            else:
                with findings.guard("bytes", what):
                    digest, size = actual[name].result()
                    findings.counts["files"] += 1
                    findings.counts["bytes"] += size
                    if digest != manifest.files[name]:
                        findings.gap("bytes", what, "was changed: its SHA-256 is another")
                    elif size != manifest.sizes.get(name):
                        said = f"manifest.json says {manifest.sizes.get(name)} bytes, it has {size}"
                        findings.gap("records", what, said)
        return collected or len(findings.gaps) > before


def _hash(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    handle = os.open(path, os.O_RDONLY)
    try:
        while read := os.readv(handle, [buffer]):
            digest.update(view[:read])
            size += read
    finally:
        os.close(handle)
    return digest.hexdigest(), size
