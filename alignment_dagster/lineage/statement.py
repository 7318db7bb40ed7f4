"""The signed record of an artifact: an in-toto statement with SLSA provenance.

Sources: in-toto Statement v1 (in-toto/attestation) and SLSA provenance v1 (slsa.dev/provenance/v1).
It names, by SHA-256, everything else that is recorded beside the artifact's files.
"""

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.manifest import LOGGED, PROVENANCE, STATEMENT, Manifest
from alignment_dagster.lineage.provenance import Parent, Provenance
from alignment_dagster.lineage.signing import Envelope, Keys, parse_envelope, payload_of, signed_by

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"


def build_statement(folder: Path, manifest: Manifest, provenance: Provenance) -> dict[str, Any]:
    """What is signed of an artifact whose other records have been written to `folder`."""
    inputs = provenance.inputs
    finished = datetime.fromisoformat(provenance.started) + timedelta(seconds=provenance.seconds)
    beside = [name for name in (PROVENANCE, LOGGED) if (folder / name).exists()]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {
                "name": subject_name(
                    inputs.study, inputs.asset, inputs.partition, provenance.version
                ),
                "digest": {"sha256": manifest.digest},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": f"urn:alignment:asset:{inputs.asset}",
                "externalParameters": {
                    "study": inputs.study,
                    "partition": inputs.partition,
                    "declaration": {"sha256": inputs.declaration},
                },
                "internalParameters": {
                    "code_version": inputs.code_version,
                    "source": {"sha256": provenance.code_digest},
                    "external_inputs": inputs.external_inputs,
                },
                "resolvedDependencies": [
                    _dependency(inputs.study, parent) for parent in inputs.parents
                ],
            },
            "runDetails": {
                "builder": {"id": f"git:{provenance.git.get('commit', 'unknown')}"},
                "metadata": {
                    "invocationId": provenance.dagster_run_id,
                    "startedOn": provenance.started,
                    "finishedOn": finished.isoformat(timespec="seconds"),
                },
                "byproducts": [
                    {"name": name, "digest": {"sha256": sha256_file(folder / name)}}
                    for name in beside
                ],
            },
        },
    }


def subject_name(study: str, asset: str, partition: str | None, version: str) -> str:
    """How an artifact is called in statements: `study/asset[partition]@version`."""
    at = f"[{partition}]" if partition else ""
    return f"{study}/{asset}{at}@{version}"


def _dependency(study: str, parent: Parent) -> dict[str, Any]:
    named = {
        "name": subject_name(study, parent.asset, parent.partition, parent.version),
        "digest": {"sha256": parent.digest},
    }
    return {**named, "annotations": {"part": parent.part}} if parent.part else named


def write_statement(folder: Path, envelope: Envelope) -> None:
    """Write the envelope beside the artifact's files."""
    (folder / STATEMENT).write_text(json.dumps(envelope, indent=1) + "\n", encoding="utf-8")


def read_envelope(folder: Path) -> Envelope:
    """The envelope beside an artifact's files, NOT verified.

    Raises:
        ArtifactError: if it is missing or damaged.
    """
    try:
        return parse_envelope((folder / STATEMENT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"has no {STATEMENT}: it is not signed") from None
    except ArtifactError as error:
        raise ArtifactError(f"{STATEMENT} {error}") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{STATEMENT} is damaged ({error})") from None


def record_digest(envelope: Envelope) -> str:
    """Hex SHA-256 of the signed payload: the identity of an artifact's whole record."""
    return hashlib.sha256(payload_of(envelope)).hexdigest()


def verify_statement(
    folder: Path, manifest: Manifest, provenance: Provenance, keys: Keys
) -> tuple[str, str]:
    """That a trusted key signed exactly what lies beside the artifact now.

    Returns:
        The record's digest, and the id of the key.

    Raises:
        ArtifactError: says what is unsigned, wrongly signed, or not what was signed.
    """
    envelope = read_envelope(folder)
    key = signed_by(envelope, keys.trusted())
    try:
        signed = json.loads(payload_of(envelope))
        now = build_statement(folder, manifest, provenance)
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"its records are damaged ({error})") from None
    if signed != now:
        raise ArtifactError(f"{_first_difference(signed, now)} is not what was signed")
    return record_digest(envelope), key


def _first_difference(signed: dict[str, Any], now: dict[str, Any]) -> str:
    """Which record departs, in a person's words."""
    if signed.get("subject") != now["subject"]:
        return "the manifest"
    try:
        before = _digests(signed)
    except (KeyError, TypeError):
        return "the statement"
    after = _digests(now)
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            return name
    return PROVENANCE


def _digests(statement: dict[str, Any]) -> dict[str, str]:
    """Name → SHA-256 of the records that a statement names."""
    named = statement["predicate"]["runDetails"]["byproducts"]
    return {str(one["name"]): one["digest"]["sha256"] for one in named}
