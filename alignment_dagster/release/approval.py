"""Signing a decision and appending it to those before."""

from datetime import UTC, datetime
from pathlib import Path

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.journal_lines import REVIEWED, NewRemark
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.reviews.files import (
    REVIEWERS,
    public_path,
    review_digest,
    review_folder,
    write_review,
)
from alignment_dagster.lineage.reviews.review import Review, require_valid, statement_of
from alignment_dagster.lineage.reviews.verification import reviews
from alignment_dagster.lineage.signing import (
    Signer,
    create_key,
    key_id,
    read_public,
    read_signer,
    write_public,
)


def approve(
    archive: Archive, report: Artifact, reviewer: str, decision: str, note: str, key: Path | None
) -> Review:
    """Sign and append a decision about a report, whose bytes are verified first.

    Args:
        key: the reviewer's private key; else `keys/reviewers/<name>.pem`, made at first use.

    Raises:
        AlignmentError: for a name, decision or note that cannot be used, an altered report or
            review, another key than before, a journal that does not hold, or a lake that cannot be
            written to.
    """
    require_valid(reviewer, decision, note)
    try:
        with archive.lake.shared_lock(archive.study):
            return _approve(archive, report, reviewer, decision, note, key)
    except OSError as error:
        message = f"{error.filename}: cannot be written to ({error.strerror})"
        raise ArtifactError(message) from None


def _approve(
    archive: Archive, report: Artifact, reviewer: str, decision: str, note: str, key: Path | None
) -> Review:
    journal = archive.lake.journal(archive.study)
    journal.history()
    verified = archive.lake.open(archive.study, report.asset, report.partition, report.version)
    before = reviews(archive, verified)
    signer = _find_reviewer_key(archive, reviewer, key)
    review = Review(
        number=len(before) + 1,
        reviewer=reviewer,
        decision=decision,
        note=note,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        record=verified.record,
        previous=review_digest(archive, verified, len(before)) if before else None,
        signed_by=signer.key_id,
    )
    envelope = signer.sign(statement_of(archive, verified, review))
    write_review(archive.lake, review_folder(archive, verified), review, envelope)
    if archive.lake.keys.can_sign():  # else the next line that somebody signs names it
        journal.append(NewRemark(REVIEWED, (verified.version,), f"{decision} by {reviewer}"))
    return review


def _find_reviewer_key(archive: Archive, reviewer: str, key: Path | None) -> Signer:
    """The reviewer's key; a name stays with the key that it signed with first."""
    folder = archive.lake.keys.folder / REVIEWERS
    path = key or folder / f"{reviewer}.pem"
    public = public_path(archive, reviewer)
    if key is None and not path.exists():
        if public.exists():
            raise ArtifactError(f"{reviewer} signed before with a key that is not here: name --key")
        create_key(path)
    signer = read_signer(path)
    if not public.exists():
        write_public(signer.key.public_key(), public)
    if key_id(read_public(public)) != signer.key_id:
        raise ArtifactError(f"{path}: is not the key that {reviewer} signed with before ({public})")
    return signer
