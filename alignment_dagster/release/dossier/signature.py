"""What is signed of a dossier, and by which key."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.signing import KEY_VARIABLE, PRIVATE, Keys, Signer, read_signer
from alignment_dagster.lineage.statement import STATEMENT_TYPE, subject_name
from alignment_dagster.release.dossier import verify


@dataclass(frozen=True)
class Tree:
    """The Merkle tree over the documents."""

    root: str
    count: int


def find_signer(keys: Keys) -> Signer:
    """The lake's key, or the one that the environment names; nothing is created.

    Raises:
        ArtifactError: if there is none, or the lake does not trust it.
    """
    named = os.environ.get(KEY_VARIABLE)
    path = Path(named) if named else keys.folder / PRIVATE
    if not path.exists():
        raise ArtifactError(f"{path}: there is no key to sign with ({KEY_VARIABLE} names another)")
    signer = read_signer(path)
    if signer.key_id not in keys.trusted():
        raise ArtifactError(f"{path}: is not one of the keys that the lake trusts")
    return signer


def public_keys(keys: Keys) -> dict[str, bytes]:
    """File name → PEM, of every key that the lake trusts."""
    return {
        f"{name[:16]}.pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for name, key in keys.trusted().items()
    }


def build_statement(
    archive: Archive,
    report: Artifact,
    index: str,
    tree: Tree,
    texts: bool,
    redacted: Sequence[str],
) -> dict[str, Any]:
    """An in-toto statement about the index (hex SHA-256), the report and the documents."""
    name = subject_name(archive.study, report.asset, report.partition, report.version)
    subjects = {verify.INDEX: index, name: report.digest, "documents": tree.root}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()
        ],
        "predicateType": verify.PREDICATE_TYPE,
        "predicate": {
            "study": archive.study,
            "report": report.label,
            "documents": {
                "count": tree.count,
                "order": "document_id",
                "tree": "RFC 6962, SHA-256",
                "leaf": list(verify.LEAF),
            },
            "texts": texts,
            "redacted": sorted(redacted),
        },
    }
