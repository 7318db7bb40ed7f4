"""Reviews as they are shown."""

from collections.abc import Sequence

from alignment_dagster.audit.answer import Node
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.reviews.review import DECISIONS, Review
from alignment_dagster.lineage.reviews.verification import reviews


def describe_verdict(found: Sequence[Review]) -> str:
    """The last decision in words; empty where there is none."""
    if not found:
        return ""
    last = found[-1]
    return f"{last.decision} by {last.reviewer} on {last.time[:10]}"


def how_to_review(study: str, report: Artifact) -> str:
    """The command that gives a report its approval."""
    return (
        f"alignment audit approve {study} {report.version} --reviewer NAME "
        f"--decision {DECISIONS[0]} --note WHY"
    )


def review_nodes(archive: Archive, report: Artifact) -> list[Node]:
    """The decisions for a tree; a broken one is said, in red."""
    try:
        found = reviews(archive, report)
    except ArtifactError as error:
        return [Node(str(error), tone="bad")]
    if not found:
        return [Node("none yet", f"alignment audit approve {archive.study}", tone="dim")]
    return [
        Node(
            f"{review.decision} by {review.reviewer}",
            f"{review.time}  {review.note}  (signed with key {review.signed_by[:16]})",
            tone="good" if review.approves else "bad",
        )
        for review in found
    ]
