"""The directory of a dossier accounts for every byte, and all readers see one content."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def bundle(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dossier(audited.archive, None, tmp_path_factory.mktemp("layout") / "d.zip").path


def hidden(name: str = "evil.txt", body: bytes = b"read by whoever unpacks a stream") -> bytes:
    """A member as it stands in a zip, without an entry in any directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, body)
        end = archive.start_dir
    return buffer.getvalue()[:end]


def _directory(content: bytes) -> int:
    return int(struct.unpack("<L", content[-6:-2])[0])


def _moved(content: bytes, extra: bytes, before: int) -> bytes:
    """Extra bytes at a place, and every offset written to fit: what zip readers follow."""
    place = _directory(content)
    moved = bytearray(content[:before] + extra + content[before:])
    at = place + len(extra)
    moved[-6:-2] = struct.pack("<L", at)
    while moved[at : at + 4] == b"PK\1\2":
        (offset,) = struct.unpack_from("<L", moved, at + 42)
        if offset >= before:
            struct.pack_into("<L", moved, at + 42, offset + len(extra))
        at += 46 + sum(struct.unpack_from("<3H", moved, at + 28))
    return bytes(moved)


def _before_the_first(content: bytes) -> bytes:
    return _moved(content, hidden(), 0)


def _between_members_and_directory(content: bytes) -> bytes:
    return _moved(content, hidden(), _directory(content))


def _between_two_members(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _moved(content, hidden(), archive.infolist()[1].header_offset)


def _junk_before(content: bytes) -> bytes:
    return b"#!/bin/sh\n" + content


def _behind_the_directory(content: bytes) -> bytes:
    return content + hidden()


def _comment(content: bytes) -> bytes:
    return content[:-2] + struct.pack("<H", 4) + b"note"


def _between_directory_and_end(content: bytes) -> bytes:
    return content[:-22] + hidden() + content[-22:]


def _other_name_in_the_member(content: bytes) -> bytes:
    at = content.index(b"README.txt")
    return content[:at] + b"README.exe" + content[at + 10 :]


def _link(content: bytes) -> bytes:
    """By its directory's entry a member is a symbolic link: what it holds is where it leads."""
    at = _directory(content)
    return content[: at + 38] + struct.pack("<L", 0o120777 << 16) + content[at + 42 :]


def _extra_field(content: bytes) -> bytes:
    """Of the first entry of the directory."""
    at = _directory(content)
    named = struct.unpack_from("<H", content, at + 28)[0]
    grown = bytearray(content)
    grown[at + 46 + named : at + 46 + named] = b"\xfe\xca\4\0note"
    struct.pack_into("<H", grown, at + 30, 8)
    struct.pack_into("<L", grown, len(grown) - 10, len(content) - 22 - at + 8)
    return bytes(grown)


WAYS = [
    _before_the_first, _between_members_and_directory, _between_two_members, _junk_before,
    _behind_the_directory, _comment, _between_directory_and_end, _other_name_in_the_member, _link,
    _extra_field,
]  # fmt: skip


@pytest.mark.parametrize("alter", WAYS)
def test_bytes_that_no_index_lists_are_refused(
    alter: Callable[[bytes], bytes], bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "d.zip"
    path.write_bytes(alter(bundle.read_bytes()))
    assert verify.main([str(path)]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith(f"error: {path}: ")


def test_bytes_behind_the_end_of_a_compressed_member_are_found(
    bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    """The compressed stream says itself where it ends; what follows no reader shows."""
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        info = archive.getinfo("README.txt")
    end = info.header_offset + 30 + len(info.filename) + info.compress_size
    grown = bytearray(_moved(content, b"hidden", end))
    struct.pack_into("<L", grown, info.header_offset + 18, info.compress_size + 6)
    at = grown.index(b"README.txt", _directory(bytes(grown)) - 1) - 46
    struct.pack_into("<L", grown, at + 20, info.compress_size + 6)
    (tmp_path / "d.zip").write_bytes(grown)
    with zipfile.ZipFile(tmp_path / "d.zip") as archive:
        assert archive.read("README.txt") == Dossier.read(bundle).members["README.txt"]
    assert verify.main([str(tmp_path / "d.zip")]) == 1
    assert "README.txt is damaged (there are bytes behind its end)" in capsys.readouterr().out


def test_a_ledger_that_goes_on_behind_its_end_is_found(
    bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    name = "ledgers/losses.jsonl.gz"
    dossier = Dossier.read(bundle)
    path = dossier.having(name, dossier.members[name] + b"more").write(tmp_path / "d.zip")
    assert verify.main([str(path)]) == 1
    assert f"{name} is damaged (there are bytes behind its end)" in capsys.readouterr().out


def test_a_zip_of_more_than_four_gigabytes_is_laid_out_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their numbers stand elsewhere; here from a kilobyte on."""
    for limit in ("ZIP64_LIMIT", "ZIP_FILECOUNT_LIMIT"):
        monkeypatch.setattr(zipfile, limit, 1000)
    monkeypatch.setattr(verify, "WIDE", 1000)
    path = tmp_path / "wide.zip"
    members = {"a.txt": b"a" * 5000, "b/ä.txt": b"b", "c.txt": b"c" * 1001, "d": b""}
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    with path.open("rb") as file:
        found = verify.zip_members(str(path), file)
    assert {name: one.size for name, one in found.items()} == {
        name: len(body) for name, body in members.items()
    }
