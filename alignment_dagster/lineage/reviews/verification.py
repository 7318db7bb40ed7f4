"""Reading a report's reviews, and finding what does not hold of them."""

import json
from collections.abc import Iterable
from datetime import datetime

from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.paths import is_version
from alignment_dagster.lineage.review_records import (
    FILE,
    REVIEWS,
    ReviewRecord,
    payload_digest,
    read_review,
)
from alignment_dagster.lineage.reviews.files import file_name, public_path, review_files
from alignment_dagster.lineage.reviews.review import Review, require_valid, statement_of
from alignment_dagster.lineage.signing import Envelope, key_id, payload_of, read_public, signed_by


def reviews(archive: Archive, report: Artifact) -> list[Review]:
    """The decisions about a report, in order, each verified.

    Raises:
        ArtifactError: names the review that is not signed by its reviewer, is missing (also as the
            journal names it), was moved or altered, or is about another report.
    """
    found: list[Review] = []
    previous = None
    for path in review_files(archive, report):
        try:
            envelope = read_review(path)
            review = _verified(archive, report, envelope)
            if review.number != len(found) + 1 or path.name != file_name(len(found) + 1):
                raise ArtifactError("is out of order: a review before it is missing or was moved")
            if review.previous != previous:
                raise ArtifactError("does not follow the review before it, which was changed")
        except ArtifactError as error:
            where = path.relative_to(archive.lake.root)
            raise ArtifactError(f"{where}: {error}") from None
        previous = payload_digest(envelope)
        found.append(review)
    told = archive.lake.journal(archive.study).history().reviews.values()
    about = [one for one in told if one.report == report.version]
    for subject, what in lost_reviews(archive, about, "the journal"):
        raise ArtifactError(f"{subject}: {what}")
    return found


def review_problems(archive: Archive) -> list[tuple[str, str]]:
    """What does not hold of any review in a study: (which, what), for the audit's check."""
    problems = []
    for folder in sorted((archive.lake.root / archive.study / REVIEWS).glob("*")):
        subject, key = f"{REVIEWS}/{folder.name}", (REPORT, None, folder.name)
        if key not in archive.keys:
            problems.append((subject, "is about a report that is not in the lake"))
            continue
        problems += [
            (f"{subject}/{path.name}", "is astray: only reviews lie here")
            for path in sorted(folder.glob("[!.]*"))
            if not FILE.fullmatch(path.name)
        ]
        try:
            reviews(archive, archive.artifact(*key))
        except ArtifactError as error:
            problems.append((subject, str(error)))
    return problems


def lost_reviews(
    archive: Archive, told: Iterable[ReviewRecord], by: str = "Dagster"
) -> list[tuple[str, str]]:
    """The reviews that somebody was told of and that are gone or others now: (which, what).

    Args:
        by: who was told.
    """
    problems = []
    for one in told:
        if not is_version(one.report):
            problems.append(
                (REVIEWS, f"{by} was told of one of {one.report!r}, which is no report")
            )
            continue
        path = archive.lake.root / archive.study / REVIEWS / one.report / file_name(one.number)
        subject = f"{REVIEWS}/{one.report}/{path.name}"
        try:
            if payload_digest(read_review(path)) != one.digest:
                problems.append((subject, f"is not the review that {by} was told of"))
        except ArtifactError as error:
            problems.append((subject, f"{by} was told of it, and it {error}"))
    return problems


def _verified(archive: Archive, report: Artifact, envelope: Envelope) -> Review:
    try:
        statement = json.loads(payload_of(envelope))
        review = Review(**statement["predicate"])
        if not isinstance(review.note, str):
            raise TypeError(f"note is {review.note!r}")
        require_valid(review.reviewer, review.decision, review.note)
        datetime.fromisoformat(review.time)
    except (ValueError, KeyError, TypeError, AlignmentError) as error:
        raise ArtifactError(f"is damaged ({error!r})") from None
    public = read_public(public_path(archive, review.reviewer))
    if signed_by(envelope, {key_id(public): public}) != review.signed_by:
        raise ArtifactError("is signed by another key than it says")
    if statement != statement_of(archive, report, review) or review.record != report.record:
        raise ArtifactError("is about another report, or about other bytes of this one")
    return review
