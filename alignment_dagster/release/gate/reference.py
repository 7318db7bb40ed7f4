"""Which report a new one is held against: the last one before it that a person approved."""

from collections.abc import Collection, Sequence

from alignment_dagster import chain
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.reviews import REVIEWS, Review, review_digest, reviews

NOBODY = "none"
Approvers = Collection[str]
"""Fingerprints of the keys whose decisions count; empty: anybody's."""


def approval(archive: Archive, report: Artifact, by: Approvers) -> Review | None:
    """The last decision about a report that counts, where it approves.

    Raises:
        ArtifactError: if a review of it was altered, moved or taken out.
    """
    found = counted(reviews(archive, report), by)
    return found[-1] if found and found[-1].approves else None


def counted(found: Sequence[Review], by: Approvers) -> list[Review]:
    """The decisions of those who may decide."""
    return [review for review in found if not by or review.signed_by in by]


def approval_digest(archive: Archive, report: Artifact, by: Approvers) -> str:
    """SHA-256 of the signed approval; `none` where there is none."""
    found = approval(archive, report, by)
    return review_digest(archive, report, found.number) if found else NOBODY


def last_approved(archive: Archive, current: Artifact, by: Approvers) -> Artifact | None:
    """Of the other reports whose last decision approves, the one that became current last.

    Raises:
        ArtifactError: if a reviewed report is not in the lake, or a review of one was altered.
    """
    seen = {current.version}
    for entry in reversed(archive.journal):
        if entry.asset != REPORT or entry.version in seen:
            continue
        seen.add(entry.version)
        if not (archive.lake.root / archive.study / REVIEWS / entry.version).is_dir():
            continue
        report = archive.artifact(REPORT, None, entry.version)
        if approval(archive, report, by) is not None:
            return report
    return None


def add_gate(archive: Archive, report: Artifact) -> list[Artifact]:
    """A report with all that lies behind it, and the last gate that looked at it.

    Raises:
        ArtifactError: if an ancestor is not in the lake.
    """
    gates = {
        one.version: one
        for one in archive.children(report)
        if one.asset == chain.REGRESSION_GATE
        and one.provenance.inputs.parents[0].version == report.version
    }
    last = [gates[entry.version] for entry in archive.journal if entry.version in gates][-1:]
    return [*archive.ancestors([report], compared=False), *last]
