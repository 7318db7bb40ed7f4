"""The files of reviews: numbered, written once, never changed."""

import hashlib
import json
import re
from pathlib import Path

from alignment_dagster.foundation.atomic_files import atomic_file, flush
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.reviews.review import Review
from alignment_dagster.lineage.signing import Envelope, parse_envelope, payload_of

REVIEWS = "reviews"
REVIEWERS = "reviewers"
FILE = re.compile(r"[0-9]{4}\.json")


def review_files(archive: Archive, report: Artifact) -> list[Path]:
    """The files of a report's reviews, in order."""
    return sorted(review_folder(archive, report).glob("[0-9]*.json"))


def review_folder(archive: Archive, report: Artifact) -> Path:
    """Where a report's reviews lie."""
    return archive.lake.root / archive.study / REVIEWS / report.version


def file_name(number: int) -> str:
    """The name of the file of a review; numbers begin at 1."""
    return f"{number:04d}.json"


def public_path(archive: Archive, reviewer: str) -> Path:
    """Where the public key lies that a name signed with first."""
    return archive.lake.keys.folder / REVIEWERS / f"{reviewer}.pub.pem"


def read_review(path: Path) -> Envelope:
    """An envelope, NOT verified.

    Raises:
        ArtifactError: if it is gone or damaged.
    """
    try:
        return parse_envelope(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError("is gone") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"is damaged ({error})") from None


def payload_digest(envelope: Envelope) -> str:
    """Hex SHA-256 of what is signed, NOT verified."""
    return hashlib.sha256(payload_of(envelope)).hexdigest()


def review_digest(archive: Archive, report: Artifact, number: int) -> str:
    """SHA-256 of the signed payload of a review, NOT verified."""
    return payload_digest(read_review(review_folder(archive, report) / file_name(number)))


def write_review(lake: Lake, folder: Path, review: Review, envelope: Envelope) -> None:
    """Bring a review to the disk, whole, and under a number that none has yet.

    Raises:
        ArtifactError: if another review took the number meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(review.number)
    content = f"{json.dumps(envelope, indent=1)}\n".encode()
    try:
        with atomic_file(path, replace=False, durable=True) as aside:
            aside.write_bytes(content)
            flush(aside)
            if path.exists() or not lake.offer(path, content):
                raise FileExistsError
    except FileExistsError:
        message = f"{path}: another review came first; look at it, then decide again"
        raise ArtifactError(message) from None
