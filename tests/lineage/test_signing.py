"""A signature holds only for what was signed, by a key that is trusted; all else is one message."""

import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import LOGGED, MANIFEST, PROVENANCE, STATEMENT
from alignment_dagster.lineage.signing import (
    KEY_VARIABLE,
    Keys,
    Signer,
    create_key,
    payload_of,
    read_public,
    read_signer,
    signed_by,
)
from tests.support import record_lake

SAID = {"_type": "statement", "subject": [{"name": "one"}]}
PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return Keys(tmp_path / "keys")


def payload(statement: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(statement).encode()).decode()


def test_what_was_signed_verifies_with_the_keys_id(keys: Keys) -> None:
    signer = keys.signer()
    envelope = signer.sign(SAID)
    assert signed_by(envelope, keys.trusted()) == signer.key_id
    assert json.loads(payload_of(envelope)) == SAID


def test_the_private_key_is_its_owners_and_stays_the_same(keys: Keys) -> None:
    first = keys.signer().key_id
    assert stat.S_IMODE((keys.folder / "lake.pem").stat().st_mode) == 0o600
    create_key(keys.folder / "lake.pem")
    assert keys.signer().key_id == first
    assert sorted(path.name for path in keys.folder.iterdir()) == [
        "lake.pem",
        "lake.pub.pem",
        "trusted",
    ]


def test_a_key_that_is_lost_or_swapped_is_not_replaced_in_silence(keys: Keys) -> None:
    first = keys.signer().key_id
    path = keys.folder / "lake.pem"
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(ArtifactError, match=f"is gone: this home signed with key {first[:16]}"):
        keys.signer()
    assert not path.exists()
    create_key(path)
    with pytest.raises(ArtifactError, match=f"is another one.*{first[:16]}"):
        keys.signer()
    path.write_bytes(kept)
    assert keys.signer().key_id == first
    path.unlink()
    (keys.folder / "lake.pub.pem").unlink()  # as the message says: it is lost for good
    assert keys.signer().key_id != first
    assert len(keys.trusted()) == 2


def test_nobody_else_may_write_among_the_keys_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Keys(tmp_path / "home" / "keys")
        made.signer()
    finally:
        os.umask(before)
    paths = [made.folder, *made.folder.rglob("*")]
    assert len(paths) == 5  # the folder of the trusted ones, and three keys
    assert not [path for path in paths if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]


def test_a_named_key_file_signs_instead_of_the_lakes_own(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(tmp_path / "mine.pem")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "mine.pem"))
    assert keys.signer().key_id == read_signer(tmp_path / "mine.pem").key_id
    assert not (keys.folder / "lake.pem").exists()


def test_another_key_is_not_trusted(keys: Keys) -> None:
    keys.signer()
    stranger = Signer(Ed25519PrivateKey.generate())
    with pytest.raises(ArtifactError, match=f"{stranger.key_id[:16]}, which is not a trusted one"):
        signed_by(stranger.sign(SAID), keys.trusted())


def test_a_stranger_who_names_a_trusted_key_is_found_out(keys: Keys) -> None:
    own = keys.signer()
    envelope = Signer(Ed25519PrivateKey.generate()).sign(SAID)
    envelope["signatures"][0]["keyid"] = own.key_id
    with pytest.raises(ArtifactError, match=f"signature of key {own.key_id[:16]} does not hold"):
        signed_by(envelope, keys.trusted())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"payload": payload({**SAID, "_type": "forged"})}, "does not hold"),
        ({"payload": "no base64!"}, "not a signed statement"),
        ({"payload": 7}, "not a signed statement"),
        ({"payload": None}, "not a signed statement"),
        ({"payloadType": "text/plain"}, "payloadType is 'text/plain'"),
        ({"signatures": []}, "is not signed"),
        ({"signatures": None}, "is not signed"),
        ({"signatures": 7}, "is not signed"),
        ({"signatures": ["text"]}, "is not signed"),
        ({"signatures": {"keyid": "x"}}, "is not signed"),
        ({"signatures": [{}]}, "which is not a trusted one"),
    ],
    ids=repr,
)
def test_an_altered_envelope_is_one_message(keys: Keys, change: dict[str, Any], said: str) -> None:
    envelope = {**keys.signer().sign(SAID), **change}
    with pytest.raises(ArtifactError, match=said):
        signed_by(envelope, keys.trusted())


@pytest.mark.parametrize("place", [0, 1])
def test_a_second_signature_that_nobody_checks_is_refused(keys: Keys, place: int) -> None:
    """Whoever reads the first one takes its key for the signer's."""
    envelope = keys.signer().sign(SAID)
    envelope["signatures"].insert(place, {"keyid": "f" * 64, "sig": "AAAA"})
    with pytest.raises(ArtifactError, match="carries 2 signatures"):
        signed_by(envelope, keys.trusted())


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64!", None, 7, ["x"]], ids=repr)
def test_a_signature_that_is_none_does_not_hold(keys: Keys, signature: object) -> None:
    envelope = keys.signer().sign(SAID)
    envelope["signatures"][0]["sig"] = signature
    with pytest.raises(ArtifactError, match="does not hold"):
        signed_by(envelope, keys.trusted())


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_pem(key: Any) -> bytes:
    content: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: rsa_key().private_bytes(*PEM), "is not an ed25519 key"),
        (
            lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(*PEM),
            "is not an ed25519 key",
        ),
        (
            lambda: Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
            ),
            "no private key without password",
        ),
        (lambda: public_pem(Ed25519PrivateKey.generate()), "no private key"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private"),
        (lambda: b"text", "no private key"),
        (lambda: b"", "no private key"),
        (lambda: b"\xff\x00" * 40, "no private key"),
    ],
    ids=["rsa", "ec", "password", "public", "truncated", "text", "empty", "bytes"],
)
def test_a_key_file_that_cannot_sign_is_one_message(
    tmp_path: Path, content: Callable[[], bytes], said: str
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content())
    with pytest.raises(ArtifactError, match=said) as refused:
        read_signer(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: public_pem(rsa_key()), "is not an ed25519 key"),
        (lambda: Ed25519PrivateKey.generate().private_bytes(*PEM), "no public key"),
        (lambda: b"text", "no public key"),
        (lambda: b"", "no public key"),
    ],
    ids=["rsa", "private", "text", "empty"],
)
def test_a_trusted_file_that_holds_no_ed25519_key_is_named(
    keys: Keys, content: Callable[[], bytes], said: str
) -> None:
    keys.signer()
    path = keys.folder / "trusted" / "0.pem"
    path.write_bytes(content())
    with pytest.raises(ArtifactError, match=said) as refused:
        keys.trusted()
    assert str(path) in str(refused.value)


def test_a_key_file_that_is_not_there_is_named(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "absent.pem"))
    with pytest.raises(ArtifactError, match=r"absent\.pem"):
        keys.signer()
    with pytest.raises(ArtifactError, match=r"absent\.pem"):
        read_public(tmp_path / "absent.pem")


def edit_provenance(path: Path, **fields: object) -> None:
    recorded = json.loads((path / PROVENANCE).read_text())
    (path / PROVENANCE).write_text(json.dumps({**recorded, **fields}))


def sign_twice(path: Path) -> None:
    envelope = json.loads((path / STATEMENT).read_text())
    envelope["signatures"].insert(0, {"keyid": "f" * 64, "sig": "AAAA"})
    (path / STATEMENT).write_text(json.dumps(envelope))


def say_twice(path: Path) -> None:
    text = (path / STATEMENT).read_text()
    (path / STATEMENT).write_text(text.replace("{", '{"signatures": [],', 1))


def say_more(path: Path) -> None:
    envelope = json.loads((path / STATEMENT).read_text())
    (path / STATEMENT).write_text(json.dumps({**envelope, "signed_by": "somebody"}))


def sign_with_a_stranger(path: Path) -> None:
    envelope = json.loads((path / STATEMENT).read_text())
    stranger = Signer(Ed25519PrivateKey.generate())
    (path / STATEMENT).write_text(json.dumps(stranger.sign(json.loads(payload_of(envelope)))))


def edit_statement(path: Path) -> None:
    envelope = json.loads((path / STATEMENT).read_text())
    statement = json.loads(payload_of(envelope))
    statement["predicate"]["runDetails"]["metadata"]["invocationId"] = "another"
    envelope["payload"] = payload(statement)
    (path / STATEMENT).write_text(json.dumps(envelope))


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda path: edit_provenance(path, seconds=99.0), PROVENANCE),
        (lambda path: edit_provenance(path, git={"commit": "other"}), PROVENANCE),
        (lambda path: edit_provenance(path, declared={"seed": 2}), PROVENANCE),
        (lambda path: edit_provenance(path, checks=[]), PROVENANCE),
        (lambda path: edit_provenance(path, dagster_run_id="other"), PROVENANCE),
        (lambda path: (path / LOGGED).unlink(), LOGGED),
        (lambda path: (path / LOGGED).write_bytes(b"other"), LOGGED),
        (lambda path: (path / STATEMENT).unlink(), "not signed"),
        (lambda path: (path / STATEMENT).write_text("{"), "damaged"),
        (lambda path: (path / STATEMENT).write_text("[]"), "damaged"),
        (lambda path: (path / STATEMENT).write_text("{}"), "not a signed statement"),
        (edit_statement, "does not hold"),
        (sign_twice, "carries 2 signatures"),
        (say_twice, "signatures: this field is given twice"),
        (say_more, "holds more than a signed statement"),
        (sign_with_a_stranger, "not a trusted one"),
    ],
)  # fmt: skip
def test_an_artifact_whose_records_were_altered_is_not_opened(
    tmp_path: Path, alter: Callable[[Path], None], said: str
) -> None:
    lake = record_lake.make(tmp_path)
    artifact = record_lake.publish(lake)
    opened(lake, artifact)
    alter(artifact.path)
    with pytest.raises(ArtifactError, match=said) as refused:
        opened(lake, artifact)
    assert artifact.label in str(refused.value)
    assert "\n" not in str(refused.value)


def test_records_of_another_artifact_do_not_fit(tmp_path: Path) -> None:
    lake = record_lake.make(tmp_path)
    first = record_lake.publish(lake)
    second = record_lake.publish(lake, declaration="other")
    (first.path / STATEMENT).write_bytes((second.path / STATEMENT).read_bytes())
    with pytest.raises(ArtifactError, match="is not what was signed"):
        opened(lake, first)


def test_a_lake_whose_trusted_key_was_swapped_opens_nothing(tmp_path: Path) -> None:
    lake = record_lake.make(tmp_path)
    artifact = record_lake.publish(lake)
    (trusted,) = (lake.keys.folder / "trusted").iterdir()
    trusted.write_bytes(public_pem(Ed25519PrivateKey.generate()))
    with pytest.raises(ArtifactError, match="not a trusted one"):
        opened(lake, artifact)


def test_bytes_are_still_what_the_manifest_says(tmp_path: Path) -> None:
    lake = record_lake.make(tmp_path)
    artifact = record_lake.publish(lake)
    (artifact.path / "rows").write_bytes(b"forged")
    manifest = json.loads((artifact.path / MANIFEST).read_text())
    manifest["files"]["rows"] = sha256_file(artifact.path / "rows")
    (artifact.path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="manifest and provenance disagree"):
        opened(lake, artifact)


def opened(lake: Lake, artifact: Artifact) -> Artifact:
    return lake.open(record_lake.STUDY, artifact.asset, artifact.partition, artifact.version)
