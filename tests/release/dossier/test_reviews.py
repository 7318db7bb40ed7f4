"""Reviews travel with the report that they are about, and hold there as in the lake."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.signing import Signer, read_signer
from alignment_dagster.release.approval import approve
from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]
Told = Callable[[Dossier], tuple[int, str]]


@pytest.fixture
def reviewed(altered: Audited) -> Audited:
    """One that was rejected, then approved by another."""
    archive = altered.archive
    report = archive.report()
    approve(archive, report, "ann", "rejected", "too \x1b[2J early", None)
    approve(archive, report, "ben", "approved", "now it is clear", None)
    return altered


@pytest.fixture
def dossier(reviewed: Audited, tmp_path: Path) -> Dossier:
    return Dossier.read(build_dossier(reviewed.archive, None, tmp_path / "d.zip").path)


@pytest.fixture
def signer(reviewed: Audited) -> Signer:
    return read_signer(reviewed.home.root / "keys" / "lake.pem")


@pytest.fixture
def told(tmp_path: Path, capsys: Capture) -> Told:
    def told(dossier: Dossier) -> tuple[int, str]:
        code = verify.main([str(dossier.write(tmp_path / "altered.zip"))])
        return code, capsys.readouterr().out

    return told


def _names(dossier: Dossier) -> list[str]:
    return sorted(name for name in dossier.members if name.startswith("reviews/"))


def test_reviews_are_checked_and_told(dossier: Dossier, told: Told) -> None:
    code, text = told(dossier)
    assert code == 0
    assert "review 1: rejected by ann" in text
    assert "review 2: approved by ben" in text
    assert "\x1b" not in text


def test_a_review_taken_out_is_found_though_the_signer_signed_the_rest(
    dossier: Dossier, signer: Signer, told: Told
) -> None:
    code, text = told(dossier.having(_names(dossier)[0], None).signed(signer))
    assert code == 1
    assert "0002.json: one before it was changed or taken out" in text


def test_a_decision_edited_is_found_though_the_signer_signed_the_rest(
    dossier: Dossier, signer: Signer, told: Told
) -> None:
    first, second = _names(dossier)
    envelope = json.loads(dossier.members[first])
    forged = signer.sign(verify.opened(envelope, _key(dossier, "ann"))[0])
    envelope["payload"] = json.loads(dossier.members[second])["payload"]
    for body in (forged, envelope):
        code, text = told(dossier.having(first, json.dumps(body).encode()).signed(signer))
        assert code == 1
        assert "0001.json: " in text


def _key(dossier: Dossier, reviewer: str) -> dict[str, verify.Ed25519PublicKey]:
    return dict([verify.read_key(dossier.members[f"reviewers/{reviewer}.pub.pem"])])


def test_a_review_of_another_report_is_found(
    dossier: Dossier, signer: Signer, told: Told, reviewed: Audited
) -> None:
    name = _names(dossier)[0]
    statement, _ = verify.opened(json.loads(dossier.members[name]), _key(dossier, "ann"))
    statement["subject"][0]["digest"]["sha256"] = "0" * 64
    ann = read_signer(reviewed.home.root / "keys" / "reviewers" / "ann.pem")
    other = json.dumps(ann.sign(statement)).encode()
    code, text = told(dossier.having(name, other).signed(signer))
    assert code == 1
    assert "0001.json: is about another report" in text


def test_a_reviewers_key_does_not_count_for_artifacts(
    dossier: Dossier, reviewed: Audited, told: Told
) -> None:
    ann = read_signer(reviewed.home.root / "keys" / "reviewers" / "ann.pem")
    code, text = told(dossier.signed(ann))
    assert code == 1
    assert "is not signed by a key that counts here" in text


def test_no_private_key_is_packed(dossier: Dossier) -> None:
    assert not [name for name, body in dossier.members.items() if b"PRIVATE KEY" in body]
    assert "reviewers/ann.pub.pem" in dossier.members


def test_an_altered_review_is_not_bundled(reviewed: Audited, tmp_path: Path) -> None:
    (path,) = (reviewed.lake / "reviews").glob("*/0001.json")
    envelope = json.loads(path.read_text())
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAAA"
    path.write_text(json.dumps(envelope))
    with pytest.raises(ArtifactError, match=r"0001\.json"):
        build_dossier(reviewed.archive, None, tmp_path / "d.zip")
    assert not (tmp_path / "d.zip").exists()
