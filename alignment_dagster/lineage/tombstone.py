"""What is left of an artifact that was collected as garbage: its records, and a tombstone.

The tombstone says which files were removed, when and by which rule. It is a signed in-toto
statement, and is written before the first file goes: whoever finds it takes the artifact as
collected, also where the process that removes the files was killed in between.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.atomic_files import atomic_file, flush
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.manifest import BESIDE, COLLECTED, Manifest
from alignment_dagster.lineage.signing import Envelope, Keys, parse_envelope, payload_of, signed_by
from alignment_dagster.lineage.statement import STATEMENT_TYPE

PREDICATE_TYPE = "urn:alignment:collected:v1"


@dataclass(frozen=True)
class Tombstone:
    """When and why the files of an artifact were removed."""

    time: str
    """In UTC."""
    rule: str
    """Why nothing kept it, in words."""
    reports: int
    """How many reports the declared retention keeps."""
    days: int
    """For how many days it keeps what became current."""
    declaration: str
    """Digest of the study's declaration, which declares the retention."""
    by: str
    """The command, and the commit of its code."""
    record: str
    """Of the artifact: SHA-256 of its signed statement."""
    files: dict[str, str]
    """File name → hex SHA-256, as its manifest has them."""
    bytes: int

    @property
    def words(self) -> str:
        """For a message: `was collected as garbage on 2026-01-01 (rule)`."""
        return f"was collected as garbage on {self.time[:10]} ({self.rule})"


def is_collected(folder: Path) -> bool:
    """Whether the artifact in a folder has a tombstone, whatever is left of its files."""
    return (folder / COLLECTED).exists()


def tombstone_statement(subject: str, digest: str, stone: Tombstone) -> dict[str, Any]:
    """What is signed.

    Args:
        subject: `study/asset[partition]@version`.
        digest: of the artifact's manifest.
    """
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": asdict(stone),
    }


def read_tombstone(folder: Path) -> Tombstone | None:
    """The tombstone in an artifact's folder, NOT verified; None where there is none.

    Raises:
        ArtifactError: if it is damaged.
    """
    envelope = _envelope(folder)
    return None if envelope is None else _parsed(envelope)


def verify_tombstone(
    folder: Path, subject: str, manifest: Manifest, record: str, keys: Keys
) -> Tombstone:
    """The tombstone of an artifact, signed by a trusted key and about exactly this artifact.

    Raises:
        ArtifactError: says what does not hold.
    """
    envelope = _envelope(folder)
    if envelope is None:
        raise ArtifactError(f"has no {COLLECTED}")
    stone = _parsed(envelope)
    try:
        signed_by(envelope, keys.trusted())
    except ArtifactError as error:
        raise ArtifactError(f"{COLLECTED}: {error}") from None
    expected = tombstone_statement(subject, manifest.digest, stone)
    if json.loads(payload_of(envelope)) != expected or stone.record != record:
        raise ArtifactError(f"{COLLECTED} is about another artifact, or about other records of it")
    if stone.files != manifest.files or stone.bytes != sum(manifest.sizes.values()):
        raise ArtifactError(f"{COLLECTED} names other files than the manifest")
    return stone


def write_tombstone(folder: Path, envelope: Envelope, aside: Path) -> None:
    """Bring a tombstone to the disk, whole or not at all.

    Args:
        aside: a folder on the same file system, to write it in first.
    """
    with atomic_file(folder / COLLECTED, aside=aside / COLLECTED, durable=True) as written:
        written.write_text(json.dumps(envelope, indent=1) + "\n", encoding="utf-8")


def remaining_files(folder: Path) -> Iterator[Path]:
    """Files of a collected artifact that are still there."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in BESIDE and (path.is_symlink() or not path.is_dir()):
            yield path


def remove_files(folder: Path) -> None:
    """Remove what is left of a collected artifact but its records; done again, it goes on."""
    for path in list(remaining_files(folder)):
        path.unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
    flush(folder)


def _envelope(folder: Path) -> Envelope | None:
    try:
        return parse_envelope((folder / COLLECTED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ArtifactError as error:
        raise ArtifactError(f"{COLLECTED} {error}") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{COLLECTED} is damaged ({error})") from None


def _parsed(envelope: Envelope) -> Tombstone:
    try:
        stone = Tombstone(**json.loads(payload_of(envelope))["predicate"])
        if not (isinstance(stone.time, str) and isinstance(stone.rule, str)):
            raise TypeError("time and rule are texts")
        return stone
    except (ValueError, KeyError, TypeError, ArtifactError) as error:
        raise ArtifactError(f"{COLLECTED} is damaged ({error})") from None
