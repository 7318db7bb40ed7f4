"""A review: one signed decision about a report, and the statement that is signed."""

import re
from dataclasses import asdict, dataclass

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.statement import STATEMENT_TYPE, subject_name

PREDICATE_TYPE = "urn:alignment:review:v1"
DECISIONS = ("approved", "rejected")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Review:
    """One decision about one report."""

    number: int
    reviewer: str
    decision: str
    note: str
    time: str
    record: str
    """Of the report: SHA-256 of its signed statement."""
    previous: str | None
    """SHA-256 of the payload of the review before; None for the first."""
    signed_by: str
    """Id of the reviewer's key."""

    @property
    def approves(self) -> bool:
        return self.decision == DECISIONS[0]


def require_valid(reviewer: str, decision: str, note: str) -> None:
    """That a name cannot leave its folder, and that something was decided, for a reason.

    Raises:
        AlignmentError: says which option cannot be used.
    """
    if not NAME.fullmatch(reviewer):
        raise AlignmentError(
            f"--reviewer {reviewer!r}: letters, digits, '_' and '-' only, at most 60"
        )
    if decision not in DECISIONS:
        raise AlignmentError(f"--decision {decision!r}: say {' or '.join(DECISIONS)}")
    if not note.strip() or len(note) > LONGEST_NOTE:
        raise AlignmentError(f"--note: say why, in at most {LONGEST_NOTE:,} characters")


def statement_of(archive: Archive, report: Artifact, review: Review) -> dict[str, object]:
    """The in-toto statement that is signed: the review, with the report as its subject."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {
                "name": subject_name(archive.study, report.asset, report.partition, report.version),
                "digest": {"sha256": report.digest},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": asdict(review),
    }
