"""Signing what was made: ed25519 over statements in a DSSE envelope.

Source: the DSSE protocol and envelope (secure-systems-lab/dsse, v1.0.2). The key says who wrote a
record, not that the record is true: whoever holds the key can sign anything.
"""

import base64
import hashlib
import hmac
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import canonical_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.json_objects import JsonFault, parse_object

KEY_VARIABLE = "ALIGNMENT_SIGNING_KEY"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PRIVATE = "lake.pem"
OWN = "lake.pub.pem"
"""The public half of the home's own key: so that a lost one is not replaced in silence."""
TRUSTED = "trusted"

FIELDS = {"payload", "payloadType", "signatures"}
SIGNATURE_FIELDS = {"keyid", "sig"}

Envelope = dict[str, Any]


@dataclass(frozen=True)
class Signer:
    """A private ed25519 key."""

    key: Ed25519PrivateKey

    @cached_property
    def key_id(self) -> str:
        """Hex SHA-256 of the public key's 32 bytes."""
        return key_id(self.key.public_key())

    def sign(self, statement: dict[str, Any]) -> Envelope:
        """A statement in a signed DSSE envelope; its payload is canonical JSON."""
        payload = canonical_json(statement).encode("utf-8")
        return {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [
                {"keyid": self.key_id, "sig": self.sign_bytes(PAYLOAD_TYPE, payload)},
            ],
        }

    def derive(self, purpose: str) -> str:
        """A secret of its own for one purpose, from which the key cannot be found."""
        return hmac.new(self.key.private_bytes_raw(), purpose.encode(), "sha256").hexdigest()

    def sign_bytes(self, payload_type: str, payload: bytes) -> str:
        """The signature alone, in base 64."""
        return base64.b64encode(self.key.sign(pae(payload_type, payload))).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Hex SHA-256 of the public key's 32 bytes."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def verify_bytes(payload_type: str, payload: bytes, signature: str, key: Ed25519PublicKey) -> bool:
    """Whether a signature in base 64 is this key's over these bytes."""
    try:
        key.verify(base64.b64decode(signature, validate=True), pae(payload_type, payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def payload_of(envelope: Envelope) -> bytes:
    """The signed bytes, NOT verified.

    Raises:
        ArtifactError: if this is no DSSE envelope of an in-toto statement.
    """
    try:
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(f"payloadType is {envelope['payloadType']!r}")
        return base64.b64decode(envelope["payload"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"not a signed statement: {error!r}") from None


def parse_envelope(text: str) -> Envelope:
    """The fields of an envelope as it lies in a file, NOT verified.

    Raises:
        ArtifactError: if it is damaged, or gives a field twice: other readers may take the other.
    """
    try:
        return parse_object(text)
    except JsonFault as error:
        raise ArtifactError(f"is damaged ({error})") from None


def named_signer(envelope: Envelope) -> str | None:
    """The id of the key that an envelope names, NOT verified; None where it names not one."""
    found = envelope.get("signatures")
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        return None
    return str(found[0].get("keyid"))


def signed_by(envelope: Envelope, trusted: dict[str, Ed25519PublicKey]) -> str:
    """The id of the trusted key whose signature holds: the only one there is.

    Raises:
        ArtifactError: if it does not, the key is unknown, or there is anything besides: a second
            signature, which nobody checks, would be taken for a checked one.
    """
    payload = payload_of(envelope)
    signatures, name = envelope.get("signatures"), named_signer(envelope)
    if isinstance(signatures, list) and len(signatures) > 1:
        raise ArtifactError(f"carries {len(signatures)} signatures: one is expected")
    if name is None:
        raise ArtifactError("is not signed")
    if name not in trusted:
        raise ArtifactError(f"signed by key {name[:16]}, which is not a trusted one")
    signature = envelope["signatures"][0]
    if set(envelope) != FIELDS or set(signature) - SIGNATURE_FIELDS:
        raise ArtifactError("holds more than a signed statement")
    try:
        given = base64.b64decode(signature["sig"], validate=True)
        trusted[name].verify(given, pae(PAYLOAD_TYPE, payload))
    except (InvalidSignature, KeyError, ValueError, TypeError):
        raise ArtifactError(f"the signature of key {name[:16]} does not hold") from None
    return name


@dataclass(frozen=True)
class Keys:
    """A folder of keys: the private one that signs, and the public ones that are trusted."""

    folder: Path

    def signer(self) -> Signer:
        """The key in the file that `ALIGNMENT_SIGNING_KEY` names, or this folder's own.

        The own key is created at first use, readable by its owner only, and never replaced.

        Raises:
            ArtifactError: if the file holds no ed25519 key, or the own key is gone, or another.
        """
        named = os.environ.get(KEY_VARIABLE)
        path = Path(named) if named else self.folder / PRIVATE
        if not named and not path.exists():
            # Another process may be making it: the public half comes last.
            if (self.folder / OWN).exists() and not path.exists():
                raise ArtifactError(self._lost(path, "is gone"))
            create_key(path)
        signer = read_signer(path)
        if not named:
            self._require_own(path, signer)
        self._trust(signer.key.public_key())
        return signer

    def _require_own(self, path: Path, signer: Signer) -> None:
        own = self.folder / OWN
        if not own.exists():
            write_public(signer.key.public_key(), own)
        if key_id(read_public(own)) != signer.key_id:
            raise ArtifactError(self._lost(path, "is another one"))

    def _lost(self, path: Path, how: str) -> str:
        own = self.folder / OWN
        return (
            f"{path}: {how}: this home signed with key {key_id(read_public(own))[:16]} before. Put "
            f"it back from a backup. Where it is lost, remove {own}: a new key is made, and "
            "`alignment audit check` names both"
        )

    def can_sign(self) -> bool:
        """Whether there is a key to sign with; none is made."""
        return bool(os.environ.get(KEY_VARIABLE)) or (self.folder / PRIVATE).exists()

    def trusted(self) -> dict[str, Ed25519PublicKey]:
        """Key id → public key, of every `*.pem` in `trusted/`.

        Raises:
            ArtifactError: names the file that holds no ed25519 key.
        """
        keys = [read_public(path) for path in sorted((self.folder / TRUSTED).glob("*.pem"))]
        return {key_id(key): key for key in keys}

    def _trust(self, key: Ed25519PublicKey) -> None:
        path = self.folder / TRUSTED / f"{key_id(key)[:16]}.pem"
        if not path.exists():
            write_public(key, path)


def write_public(key: Ed25519PublicKey, path: Path) -> None:
    """Write a public key as PEM, whole or not at all; only its owner may write to it again."""
    create_folder(path.parent)
    with atomic_file(path) as aside:
        aside.touch(0o644)
        aside.chmod(0o644)
        aside.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def create_folder(folder: Path) -> None:
    """Only its owner may write there, whatever the process's mask allows: who can put a key in it
    is trusted."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o755, exist_ok=True)


def create_key(path: Path) -> None:
    """Write a new private key, readable by its owner only; an existing file is kept."""
    create_folder(path.parent)
    text = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with suppress(FileExistsError), atomic_file(path, replace=False) as aside:
        aside.touch(0o600, exist_ok=False)
        aside.write_bytes(text)


def read_signer(path: Path) -> Signer:
    """The private key in a PEM file.

    Raises:
        ArtifactError: if there is none.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: holds no private key without password ({error})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ArtifactError(f"{path}: is not an ed25519 key")
    return Signer(key)


@cache
def _parse(pem: bytes) -> Any:
    return load_pem_public_key(pem)


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file.

    Raises:
        ArtifactError: if there is none.
    """
    try:
        key = _parse(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: holds no public key ({error})") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ArtifactError(f"{path}: is not an ed25519 key")
    return key
