"""Alterations of the dossier that leaves the house, and what its own `verify.py` says."""

import contextlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from alignment_dagster.release.dossier import verify
from drills.tamper.cell import Cell, Findings, Names
from drills.tamper.keys import new_key, public
from drills.tamper.place import Place
from tests.support.bundles import Dossier

GROUP = "bundle"
NAME = "report.zip"


def look(place: Place) -> Findings:
    """The lines of the verifier that say what does not hold, given the lake's key."""
    return _look(place, f"--key={_lake_key(place)}")


def look_without_key(place: Place) -> Findings:
    """What it says to somebody who does not have the lake's key."""
    return _look(place)


def _lake_key(place: Place) -> Path:
    (key,) = (place.sound / "home" / "keys" / "trusted").glob("*.pem")
    return key


def _look(place: Place, *arguments: str) -> Findings:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = verify.main([str(place.bundle), *arguments])
    lines = [line for line in said.getvalue().splitlines() if not line.startswith("holds")]
    return Findings(tuple(lines) if code else ())


def _truncate(place: Place) -> Names:
    content = place.sound_bundle.read_bytes()
    place.bundle.write_bytes(content[: len(content) // 2])
    return (("bundle", "truncated"), (NAME,))


def _flip(place: Place) -> Names:
    """A byte in the middle of the largest file in it, by which it reads otherwise.

    Not every one does: what is packed may be said by another distance to the same text.
    """
    content = bytearray(place.sound_bundle.read_bytes())
    with zipfile.ZipFile(place.sound_bundle) as archive:
        largest = max(archive.infolist(), key=lambda one: one.compress_size)
        sound = archive.read(largest)
    middle = largest.header_offset + largest.compress_size // 2
    for at in range(middle, middle + 100):
        content[at] ^= 1
        place.bundle.write_bytes(content)
        if _reads_otherwise(place.bundle, largest.filename, sound):
            return ((largest.filename,), (NAME,))
        content[at] ^= 1
    raise AssertionError("a hundred altered bytes change nothing")


def _reads_otherwise(bundle: Path, name: str, sound: bytes) -> bool:
    try:
        with zipfile.ZipFile(bundle) as archive:
            return archive.read(name) != sound
    except (zipfile.BadZipFile, zlib.error):
        return True


def _member(name: str, change: Callable[[Dossier], Dossier], place: Place) -> Names:
    change(Dossier.read(place.sound_bundle)).write(place.bundle)
    return ((name,),)


def _emptied(name: str, bundle: Dossier) -> Dossier:
    return bundle.having(name, b"[]")


def _removed(name: str, bundle: Dossier) -> Dossier:
    return bundle.having(name, None)


def _added(name: str, bundle: Dossier) -> Dossier:
    return bundle.having(name, b"x")


def _reindexed(name: str, bundle: Dossier) -> Dossier:
    return bundle.having(name, b"[]").indexed()


def _row_dropped(name: str, bundle: Dossier) -> Dossier:
    return bundle.having_rows(name, lambda rows: rows.pop()).indexed()


def _other_key(place: Place) -> Names:
    """All of it signed again by a key that nobody was told of."""
    signer = new_key(place.folder)
    bundle = Dossier.read(place.sound_bundle).signed(signer)
    bundle.having("keys/forged.pem", public(signer)).write(place.bundle)
    return (("key",),)


def _known_key_named(place: Place) -> Names:
    """The same, with an unchecked signature in front that names the lake's key."""
    signer = new_key(place.folder)
    known, _ = verify.read_key(_lake_key(place).read_bytes())
    bundle = Dossier.read(place.sound_bundle)
    for name in [one for one in bundle.members if one.startswith("keys/")]:
        bundle = bundle.having(name, None)
    bundle = bundle.having("keys/forged.pem", public(signer)).signed(signer)
    bundle.having_json(
        verify.SIGNED,
        lambda envelope: envelope["signatures"].insert(0, {"keyid": known, "sig": ""}),
    ).write(place.bundle)
    return ((verify.SIGNED, "exactly one signature"),)


def _no_bundle(place: Place) -> Names:
    place.bundle.write_bytes(b"<html>not found</html>")
    return (("not a bundle",),)


def _packed_otherwise(place: Place) -> Names:
    """A file in it compressed by LZMA, and damaged: what a zip reader raises nobody expects."""
    with zipfile.ZipFile(place.bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in Dossier.read(place.sound_bundle).members.items():
            archive.writestr(name, body, zipfile.ZIP_LZMA if name == RESULTS else None)
        start = archive.getinfo(RESULTS).header_offset + 30 + len(RESULTS)
    content = bytearray(place.bundle.read_bytes())
    content[start : start + 9] = bytes(9)
    place.bundle.write_bytes(content)
    return ((NAME, "more than its name"),)


def _unlisted(before: bool, place: Place) -> Names:
    """A file that no list names, and that whoever unpacks a stream gets."""
    aside = place.folder / "aside.zip"
    with zipfile.ZipFile(aside, "w") as archive:
        archive.writestr("evil.txt", b"x")
        end = archive.start_dir
    extra, content = aside.read_bytes()[:end], place.sound_bundle.read_bytes()
    aside.unlink()
    place.bundle.write_bytes(extra + content if before else content + extra)
    return ((NAME, "its list is not"), (NAME, "behind its list"))


def _renamed_member(place: Place) -> Names:
    """Where the file stands it has another name than in the list at the end."""
    content = place.sound_bundle.read_bytes()
    place.bundle.write_bytes(content.replace(b"README.txt", b"README.exe", 1))
    return ((NAME, "its list is not"),)


def _large(name: str, bundle: Dossier) -> Dossier:
    """36 MB of JSON whose values would take more than a gigabyte."""
    values = b"[" + b",".join([b"[]"] * 12_000_000) + b"]"
    return bundle.having("filler", os.urandom(200_000)).having(name, values)


RESULTS = "report/results.json"
MEMBERS: tuple[tuple[str, str, Callable[[str, Dossier], Dossier]], ...] = (
    ("file in it replaced", RESULTS, _emptied),
    ("file in it removed", RESULTS, _removed),
    ("file added to it", "report/extra.txt", _added),
    ("file in it replaced, index written to fit", RESULTS, _reindexed),
    ("signed statement made large", verify.SIGNED, _large),
    ("document taken out, index written to fit", "documents", _row_dropped),
)


def cells() -> Iterator[Cell]:
    """Of the file as a whole, of a file in it, of its signature."""
    whole: tuple[tuple[str, Callable[[Place], Names]], ...] = (
        ("truncated", _truncate),
        ("bit flipped", _flip),
        ("signed again with another key", _other_key),
        ("another file in its place", _no_bundle),
        ("file that is not in its list put before it", partial(_unlisted, True)),
        ("file that is not in its list put behind it", partial(_unlisted, False)),
        ("file in it renamed, but not in its list", _renamed_member),
        ("file in it packed by another method, and damaged", _packed_otherwise),
    )
    for mutation, alter in whole:
        yield Cell(GROUP, mutation, NAME, alter, look=look)
    mutation = "signed again with another key, the known one named beside it"
    yield Cell(GROUP, mutation, NAME, _known_key_named, look=look_without_key)
    for mutation, name, change in MEMBERS:
        alter = partial(_member, name.split("/")[-1], partial(change, name))
        yield Cell(GROUP, mutation, f"{NAME} {name}", alter, look=look)
