"""Reviews as others name them: by report, number and digest. Files alone are read."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.signing import Envelope, parse_envelope, payload_of

REVIEWS = "reviews"
FILE = re.compile(r"[0-9]{4}\.json")


@dataclass(frozen=True)
class ReviewRecord:
    """A review as Dagster was told of it, or as a line of the journal names it."""

    report: str
    """The report's version."""
    number: int
    digest: str
    """SHA-256 of the signed payload."""


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


def last_reviews(study: Path) -> Iterator[ReviewRecord]:
    """The last review of each report; what is damaged is left to who checks it.

    Args:
        study: its folder in the lake.
    """
    for folder in sorted((study / REVIEWS).glob("*")):
        files = sorted(path for path in folder.glob("*.json") if FILE.fullmatch(path.name))
        if files:
            try:
                digest = payload_digest(read_review(files[-1]))
            except ArtifactError:
                continue
            yield ReviewRecord(folder.name, int(files[-1].stem), digest)
