"""Reviews of a report: signed, numbered decisions, each chained to the one before, never changed.

They lie at `<lake>/<study>/reviews/<report's version>/0001.json`, …: DSSE envelopes of in-toto
statements whose subject is the report's manifest. A chain cannot show that its last link is gone:
Dagster is told of each review too, and the check compares (`review_problems`, `lost_reviews`).

A name stays with the key that it signed with first. Who that is, the home cannot know: hand on the
public keys in `<home>/keys/reviewers/` by another way.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.archive import REPORT, Archive
from alignment_dagster.errors import AlignmentError, ArtifactError
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.signing import (
    Envelope,
    Signer,
    create_key,
    key_id,
    payload_of,
    read_public,
    read_signer,
    signed_by,
    write_public,
)
from alignment_dagster.lineage.statement import STATEMENT_TYPE, subject_name

REVIEWS = "reviews"
PREDICATE_TYPE = "urn:alignment:review:v1"
DECISIONS = ("approved", "rejected")
REVIEWERS = "reviewers"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
FILE = re.compile(r"[0-9]{4}\.json")
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


@dataclass(frozen=True)
class Told:
    """A review as Dagster was told of it."""

    report: str
    """The report's version."""
    number: int
    digest: str
    """SHA-256 of the signed payload."""


def approve(
    archive: Archive, report: Artifact, reviewer: str, decision: str, note: str, key: Path | None
) -> Review:
    """Sign and append a decision about a report, whose bytes are verified first.

    Args:
        key: the reviewer's private key; else `keys/reviewers/<name>.pem`, made at first use.

    Raises:
        AlignmentError: for a name, decision or note that cannot be used, or an altered report.
    """
    _check_words(reviewer, decision, note)
    verified = archive.lake.open(archive.study, report.asset, report.partition, report.version)
    before = reviews(archive, verified)
    signer = _reviewers_key(archive, reviewer, key)
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
    _write(_folder(archive, verified), review, signer.sign(_statement(archive, verified, review)))
    return review


def reviews(archive: Archive, report: Artifact) -> list[Review]:
    """The decisions about a report, in order, each verified.

    Raises:
        ArtifactError: names the review that is not signed by its reviewer, is missing, was moved
            or altered, or is about another report.
    """
    found: list[Review] = []
    previous = None
    for path in _files(archive, report):
        try:
            envelope = _read(path)
            review = _verified(archive, report, envelope)
            if review.number != len(found) + 1 or path.name != _file_name(review.number):
                raise ArtifactError("is out of order: a review before it is missing or was moved")
            if review.previous != previous:
                raise ArtifactError("does not follow the review before it, which was changed")
        except ArtifactError as error:
            where = path.relative_to(archive.lake.root)
            raise ArtifactError(f"{where}: {error}") from None
        previous = _payload_digest(envelope)
        found.append(review)
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


def lost_reviews(archive: Archive, told: Iterable[Told]) -> list[tuple[str, str]]:
    """The reviews that Dagster was told of and that are gone or others now: (which, what)."""
    problems = []
    for one in told:
        path = archive.lake.root / archive.study / REVIEWS / one.report / _file_name(one.number)
        subject = f"{REVIEWS}/{one.report}/{path.name}"
        try:
            if _payload_digest(_read(path)) != one.digest:
                problems.append((subject, "is not the review that Dagster was told of"))
        except ArtifactError as error:
            problems.append((subject, f"Dagster was told of it, and it {error}"))
    return problems


def review_digest(archive: Archive, report: Artifact, number: int) -> str:
    """SHA-256 of the signed payload of a review, NOT verified."""
    return _payload_digest(_read(_folder(archive, report) / _file_name(number)))


def verdict(found: Sequence[Review]) -> str:
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


def _check_words(reviewer: str, decision: str, note: str) -> None:
    if not NAME.fullmatch(reviewer):
        raise AlignmentError(
            f"--reviewer {reviewer!r}: letters, digits, '_' and '-' only, at most 60"
        )
    if decision not in DECISIONS:
        raise AlignmentError(f"--decision {decision!r}: say {' or '.join(DECISIONS)}")
    if not note.strip() or len(note) > LONGEST_NOTE:
        raise AlignmentError(f"--note: say why, in at most {LONGEST_NOTE:,} characters")


def _reviewers_key(archive: Archive, reviewer: str, key: Path | None) -> Signer:
    """The reviewer's key; a name stays with the key that it signed with first."""
    folder = archive.lake.keys.folder / REVIEWERS
    path = key or folder / f"{reviewer}.pem"
    if key is None and not path.exists():
        create_key(path)
    signer = read_signer(path)
    public = _public_path(archive, reviewer)
    if not public.exists():
        write_public(signer.key.public_key(), public)
    if key_id(read_public(public)) != signer.key_id:
        raise ArtifactError(f"{path}: is not the key that {reviewer} signed with before ({public})")
    return signer


def _public_path(archive: Archive, reviewer: str) -> Path:
    return archive.lake.keys.folder / REVIEWERS / f"{reviewer}.pub.pem"


def _statement(archive: Archive, report: Artifact, review: Review) -> dict[str, object]:
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


def _verified(archive: Archive, report: Artifact, envelope: Envelope) -> Review:
    try:
        statement = json.loads(payload_of(envelope))
        review = Review(**statement["predicate"])
        _check_words(review.reviewer, review.decision, review.note)
        datetime.fromisoformat(review.time)
    except (ValueError, KeyError, TypeError, AlignmentError) as error:
        raise ArtifactError(f"is damaged ({error!r})") from None
    public = read_public(_public_path(archive, review.reviewer))
    if signed_by(envelope, {key_id(public): public}) != review.signed_by:
        raise ArtifactError("is signed by another key than it says")
    if statement != _statement(archive, report, review) or review.record != report.record:
        raise ArtifactError("is about another report, or about other bytes of this one")
    return review


def _write(folder: Path, review: Review, envelope: Envelope) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _file_name(review.number)
    aside = folder / f".{path.name}.{os.getpid()}"
    with aside.open("w", encoding="utf-8") as handle:
        handle.write(json.dumps(envelope, indent=1) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        raise ArtifactError(
            f"{path}: another review came first; look at it, then say again"
        ) from None
    finally:
        aside.unlink()
    _flush(folder)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _files(archive: Archive, report: Artifact) -> list[Path]:
    return sorted(_folder(archive, report).glob("[0-9]*.json"))


def _folder(archive: Archive, report: Artifact) -> Path:
    return archive.lake.root / archive.study / REVIEWS / report.version


def _file_name(number: int) -> str:
    return f"{number:04d}.json"


def _read(path: Path) -> Envelope:
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError("is gone") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"is damaged ({error})") from None
    if not isinstance(envelope, dict):
        raise ArtifactError("is damaged (not an object)")
    return envelope


def _payload_digest(envelope: Envelope) -> str:
    return hashlib.sha256(payload_of(envelope)).hexdigest()
