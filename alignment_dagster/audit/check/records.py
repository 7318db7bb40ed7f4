"""Manifest, provenance, folder name, statement and parents of each artifact against each other."""

import json
import re
import stat
from collections.abc import Iterable

from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.manifest import MANIFEST
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.lineage.provenance import Key, Parent
from alignment_dagster.lineage.signing import PRIVATE, TRUSTED, key_id, read_public, read_signer

KEY_NAME = re.compile(r"[0-9a-f]{16}")


def check_records(scope: Scope) -> None:
    """Of every artifact in scope; who signed is noted."""
    readable = check_keys(scope)
    signers: set[str] = set()
    for artifact in scope.artifacts.values():
        scope.findings.counts["artifacts"] += 1
        with scope.findings.guard("records", artifact.label):
            _check_record(scope, artifact)
        if readable:
            _check_signature(scope, artifact, signers)
    if len(signers) > 1:
        names = ", ".join(sorted(name[:16] for name in signers))
        scope.findings.note(f"The records are signed by {len(signers)} trusted keys: {names}.")


def check_keys(scope: Scope) -> bool:
    """Whether the trusted keys can be read, and are those that their files are named after."""
    folder = scope.archive.lake.keys.folder
    for path in sorted({folder, *folder.glob("*/")}):
        if path.is_dir() and path.stat().st_mode & stat.S_IWOTH:
            scope.findings.note(f"{path}: everybody may write here, and so choose who is trusted.")
    own: set[str] = set()
    before = len(scope.findings.gaps)
    for path in sorted((folder / TRUSTED).glob("*.pem")):
        name = f"keys/{TRUSTED}/{path.name}"
        with scope.findings.guard("keys", name):
            found = key_id(read_public(path))
            own.add(found)
            if KEY_NAME.fullmatch(path.stem) and not found.startswith(path.stem):
                message = f"holds the key {found[:16]}: it was swapped"
                scope.findings.gap("keys", name, message)
    readable = len(scope.findings.gaps) == before or bool(own)
    scope.findings.gap_if(not own, "keys", f"keys/{TRUSTED}", "holds no key: nothing is trusted")
    _check_private(scope, own)
    try:
        scope.archive.lake.keys.trusted()
    except ArtifactError:
        return False
    return readable


def _check_private(scope: Scope, trusted: set[str]) -> None:
    """The lake's own key, where whoever asks may read it, is one that is trusted."""
    path = scope.archive.lake.keys.folder / PRIVATE
    name = f"keys/{PRIVATE}"
    try:
        readable = path.exists() and bool(path.read_bytes())
    except OSError:
        return
    if readable:
        with scope.findings.guard("keys", name):
            own = key_id(read_signer(path).key.public_key())
            message = f"is the key {own[:16]}, which signed nothing that is trusted: it was swapped"
            scope.findings.gap_if(own not in trusted, "keys", name, message)


def _check_record(scope: Scope, artifact: Artifact) -> None:
    """What the records of one artifact say about itself."""
    inputs = artifact.provenance.inputs
    found = scope.findings
    at = (inputs.study, inputs.asset, inputs.partition)
    if at != (scope.study, artifact.asset, artifact.partition):
        said = f"{inputs.study}/{partition_label(inputs.asset, inputs.partition)}"
        found.gap("records", artifact.label, f"its provenance is that of {said}: it was moved here")
    if sha256_json(artifact.provenance.declared) != inputs.declaration:
        message = "the declared text in provenance.json is not the one its digest was taken of"
        found.gap("records", artifact.label, message)
    stored = json.loads((artifact.path / MANIFEST).read_text(encoding="utf-8"))
    message = f"the digest written in {MANIFEST} is not that of its files"
    found.gap_if(stored.get("digest") != artifact.digest, "records", artifact.label, message)


def _check_signature(scope: Scope, artifact: Artifact, signers: set[str]) -> None:
    try:
        signers.add(scope.archive.lake.verify_record(artifact))
        scope.findings.counts["signatures"] += 1
    except ArtifactError as error:
        told = str(error).removeprefix(f"{artifact.label}: ")
        scope.findings.gap("records", artifact.label, told.replace(f" ({artifact.path})", ""))
    except Exception as error:
        scope.findings.gap("records", artifact.label, f"its statement cannot be read ({error})")


def check_parents(scope: Scope, there: Iterable[Key]) -> None:
    """Every parent lies in the lake, with the digest that was named, and may be built upon."""
    there = set(there)
    for artifact in scope.artifacts.values():
        for parent in artifact.provenance.inputs.parents:
            scope.findings.counts["parents"] += 1
            message = _find_problem(scope, parent, there)
            if message:
                scope.findings.gap("parents", artifact.label, message)


def _find_problem(scope: Scope, parent: Parent, there: set[Key]) -> str | None:
    key = parent.key
    name = label(*key)
    if key not in scope.known:
        # One whose records cannot be read is a gap already.
        return None if key in there else f"its parent {name} is not in the lake"
    artifact = scope.known[key]
    if parent.part is not None and parent.part not in artifact.manifest.files:
        return f"its parent {name} has no file {parent.part}"
    actual = artifact.manifest.files[parent.part] if parent.part else artifact.digest
    if actual != parent.digest:
        what = f"{name} {parent.part}" if parent.part else name
        return f"its parent {what} has another digest than the one that was read"
    if artifact.provenance.failed:
        return f"its parent {name} failed {artifact.provenance.failed[0].name}, which blocks"
    return None
