"""Alterations of the keys, and what an attacker does with a key of his own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from alignment_dagster.lineage.signing import PRIVATE, TRUSTED, Signer, create_key, read_signer
from drills.tamper.cell import Cell, Names, named
from drills.tamper.forging import sign_all
from drills.tamper.place import Place

GROUP = "keys"


def new_key(folder: Path) -> Signer:
    """A key of the attacker's own."""
    create_key(folder / "forged.pem")
    signer = read_signer(folder / "forged.pem")
    (folder / "forged.pem").unlink()
    return signer


def public(signer: Signer) -> bytes:
    """Its public half, as it lies in `trusted/`."""
    return signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trust(place: Place, signer: Signer) -> None:
    """Put the key among the trusted ones, under its own name."""
    (place.home.root / "keys" / TRUSTED / f"{signer.key_id[:16]}.pem").write_bytes(public(signer))


def replace_keys(place: Place, signer: Signer) -> None:
    """All keys of the lake become the attacker's, and sign everything."""
    keys = place.home.root / "keys"
    shutil.rmtree(keys / TRUSTED)
    (keys / TRUSTED).mkdir()
    trust(place, signer)
    write_private(keys / PRIVATE, signer.key)
    sign_all(place.archive.all(), signer)


def write_private(path: Path, key: Ed25519PrivateKey) -> None:
    """As `create_key` writes one."""
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _swap_public(place: Place) -> Names:
    (path,) = (place.home.root / "keys" / TRUSTED).glob("*.pem")
    path.write_bytes(public(new_key(place.folder)))
    return named(path.name)


def _swap_private(place: Place) -> Names:
    write_private(place.home.root / "keys" / PRIVATE, Ed25519PrivateKey.generate())
    return named(PRIVATE)


def _no_key(place: Place) -> Names:
    shutil.rmtree(place.home.root / "keys" / TRUSTED)
    return named(TRUSTED)


def cells() -> Iterator[Cell]:
    """Of the trusted keys and of the lake's own."""
    yield Cell(GROUP, "trusted key swapped for another", "keys/trusted", _swap_public)
    yield Cell(GROUP, "private key swapped for another", "keys/lake.pem", _swap_private)
    yield Cell(GROUP, "trusted keys removed", "keys/trusted", _no_key)
