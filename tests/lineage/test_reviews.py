"""Reviews: who decided what about a report, signed, in order, and never changed."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment_dagster.audit.check import check_study
from alignment_dagster.audit.review_nodes import describe_verdict, how_to_review
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.reviews import Review, review_problems, reviews
from alignment_dagster.lineage.signing import create_key, payload_of
from alignment_dagster.release.approval import approve
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow


def decide(
    archive: Archive, reviewer: str = "ann", decision: str = "approved", note: str = "I read it."
) -> Review:
    return approve(archive, archive.report(), reviewer, decision, note, None)


def place(altered: Audited, number: int) -> Path:
    return altered.lake / "reviews" / altered.archive.report().version / f"{number:04d}.json"


@pytest.fixture
def thrice(altered: Audited) -> Audited:
    for reviewer, decision in (("ann", "approved"), ("ben", "rejected"), ("ann", "approved")):
        decide(altered.archive, reviewer, decision)
    return altered


def test_reviews_are_signed_by_their_reviewers_in_order_and_the_last_one_counts(
    thrice: Audited,
) -> None:
    archive = thrice.archive
    found = reviews(archive, archive.report())
    assert [one.number for one in found] == [1, 2, 3]
    assert [one.reviewer for one in found] == ["ann", "ben", "ann"]
    assert found[0].signed_by == found[2].signed_by != found[1].signed_by
    assert found[0].previous is None
    assert {one.record for one in found} == {archive.report().record}
    assert describe_verdict(found).startswith("approved by ann on ")
    assert review_problems(archive) == []


def test_the_statement_names_the_report_by_its_digest(thrice: Audited) -> None:
    report = thrice.archive.report()
    statement = json.loads(payload_of(json.loads(place(thrice, 1).read_text())))
    assert statement["subject"] == [
        {"name": f"{NAME}/eval_report@{report.version}", "digest": {"sha256": report.digest}}
    ]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"


def test_a_reviewers_own_key_is_kept_for_its_owner_alone(thrice: Audited) -> None:
    key = thrice.home.root / "keys" / "reviewers" / "ann.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.with_name("ann.pub.pem").is_file()


def edited(first: Path) -> None:
    envelope = json.loads(first.read_text())
    statement = json.loads(payload_of(envelope))
    statement["predicate"]["note"] = "Another reason."
    text = json.dumps(statement).encode()
    envelope["payload"] = base64.b64encode(text).decode()
    first.write_text(json.dumps(envelope))


def removed(first: Path) -> None:
    first.unlink()


def swapped(first: Path) -> None:
    second, aside = first.with_name("0002.json"), first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def copied(first: Path) -> None:
    shutil.copy(first, first.with_name("0004.json"))


def emptied(first: Path) -> None:
    first.write_text("{}")


def no_json(first: Path) -> None:
    first.write_bytes(b"\xff\x00")


@pytest.mark.parametrize("change", [edited, removed, swapped, copied, emptied, no_json])
def test_an_altered_review_is_found_and_named(
    thrice: Audited, change: Callable[[Path], None]
) -> None:
    change(place(thrice, 1))
    archive = thrice.archive
    with pytest.raises(ArtifactError, match=r"reviews/\w+/000\d\.json: "):
        reviews(archive, archive.report())
    assert len(review_problems(archive)) == 1
    with pytest.raises(ArtifactError):
        decide(archive, note="On top of a broken chain.")


def test_a_review_of_another_report_does_not_count(thrice: Audited) -> None:
    archive = thrice.archive
    other = archive.artifact("metrics", None, archive.current("metrics", None).version)
    folder = thrice.lake / "reviews" / other.version
    folder.mkdir()
    shutil.copy(place(thrice, 1), folder / "0001.json")
    with pytest.raises(ArtifactError, match="another report"):
        reviews(archive, other)
    assert review_problems(archive) == [
        (f"reviews/{other.version}", "is about a report that is not in the lake")
    ]


def test_a_review_by_a_swapped_key_is_found(thrice: Audited) -> None:
    keys = thrice.home.root / "keys" / "reviewers"
    shutil.copy(keys / "ben.pub.pem", keys / "ann.pub.pem")
    archive = thrice.archive
    with pytest.raises(ArtifactError, match="not a trusted one"):
        reviews(archive, archive.report())


@pytest.mark.parametrize("name", ["../ann", "a/b", "", ".ann", "ann.pub", "ann\n", "x" * 61, "Ä"])
def test_a_reviewers_name_cannot_leave_its_folder(altered: Audited, name: str) -> None:
    with pytest.raises(AlignmentError, match="--reviewer"):
        decide(altered.archive, name)
    nothing_written(altered)


@pytest.mark.parametrize(
    ("decision", "note", "message"),
    [("maybe", "n", "approved or rejected"), ("approved", " ", "say why"),
     ("approved", "n" * 2001, "at most 2,000")],
)  # fmt: skip
def test_a_decision_needs_a_word_and_a_reason(
    altered: Audited, decision: str, note: str, message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        decide(altered.archive, decision=decision, note=note)
    nothing_written(altered)


def nothing_written(altered: Audited) -> None:
    assert not (altered.lake / "reviews").exists()
    assert not (altered.home.root / "keys" / "reviewers").exists()


def test_a_name_stays_with_its_first_key(thrice: Audited, tmp_path: Path) -> None:
    create_key(tmp_path / "other.pem")
    archive = thrice.archive
    with pytest.raises(ArtifactError, match="not the key that ann signed with before"):
        approve(archive, archive.report(), "ann", "approved", "n", tmp_path / "other.pem")
    with pytest.raises(ArtifactError, match="no private key"):
        approve(archive, archive.report(), "ann", "approved", "n", tmp_path / "absent.pem")
    review = approve(archive, archive.report(), "eva", "approved", "n", tmp_path / "other.pem")
    assert review.number == 4
    with pytest.raises(ArtifactError, match="name --key"):
        decide(archive, "eva")
    assert not (thrice.home.root / "keys" / "reviewers" / "eva.pem").exists()


def test_an_altered_report_cannot_be_approved(altered: Audited) -> None:
    path = altered.archive.report().path / "results.json"
    path.write_text(path.read_text().replace('"value": 0', '"value": 1', 1))
    how = ("--reviewer", "ann", "--decision", "approved", "--note", "n")
    done = altered.command("audit", "approve", NAME, altered.archive.report().version, *how)
    assert done.returncode == 2
    assert "results.json was changed" in done.stderr
    assert "Traceback" not in done.stderr
    nothing_written(altered)


def test_two_reviews_at_once_get_two_numbers_or_one_is_refused(altered: Audited) -> None:
    decide(altered.archive, note="The keys are there now.")
    program = (
        "import sys; from alignment_dagster.audit.open_report import open_archive;"
        "from alignment_dagster.release.approval import approve; a = open_archive('tiny');"
        "approve(a, a.report(), sys.argv[1], 'approved', 'n', None)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, f"one{number}"],
            env={**os.environ, **altered.environment},
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    codes = [one.wait() for one in running]
    archive = altered.archive
    assert codes.count(0) >= 1
    assert len(reviews(archive, archive.report())) == 1 + codes.count(0)


def test_a_decision_is_shown_in_the_terminal_and_in_dagster_harmlessly(altered: Audited) -> None:
    before = altered.command("results", NAME)
    report = altered.archive.report()
    assert f"review: none yet ({how_to_review(NAME, report)})" in before.stdout
    done = altered.command(
        "audit", "approve", NAME, report.version[:6], "--reviewer", "ann", "--decision",
        "rejected", "--note", "[bold]too\x1b[31m weak[/bold] \u202eevil",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = altered.command("results", NAME).stdout
    assert "review: rejected by ann on " in shown
    assert "[bold]too[U+001B][31m weak[/bold] [U+202E]evil" in shown
    values = observed(altered, report)
    assert values["decision"] == "rejected"
    assert values["reviewer"] == "ann"
    assert values["report"] == report.version
    assert values["audit"].endswith(f"/{NAME}/eval_report/all/{report.version}")
    assert "\x1b" not in values["note"]


def observed(altered: Audited, report: Artifact) -> dict[str, str]:
    import dagster as dg

    from alignment_dagster.graph.instance import open_instance

    with open_instance(altered.home) as instance:
        key = dg.AssetKey([NAME, "eval_report"])
        (record,) = instance.fetch_observations(key, limit=10).records
    assert record.asset_observation is not None
    return {name: str(one.value) for name, one in record.asset_observation.metadata.items()}


def test_the_check_finds_the_last_review_taken_out(altered: Audited) -> None:
    for decision in ("approved", "rejected"):
        decide(altered.archive, decision=decision)
    assert not reviewed_gaps(altered)
    place(altered, 2).unlink()
    archive = altered.archive
    with pytest.raises(ArtifactError, match=r"0002.json: the journal was told of it, and it is"):
        reviews(archive, archive.report())
    gaps = reviewed_gaps(altered)
    assert gaps
    assert all("0002.json" in gap and "gone" in gap for gap in gaps)


def test_the_check_names_a_review_that_was_edited(thrice: Audited) -> None:
    edited(place(thrice, 2))
    gaps = reviewed_gaps(thrice)
    assert gaps
    assert all("0002.json" in gap for gap in gaps)


def reviewed_gaps(altered: Audited) -> list[str]:
    found = check_study(altered.archive, altered.home).gaps
    return [f"{gap.subject} {gap.message}" for gap in found if gap.kind == "reviews"]
