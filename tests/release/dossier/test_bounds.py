"""No file costs who checks it more than its size, and none ends in a traceback."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.lineage.signing import Signer, read_signer
from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]
MEBIBYTE = 1 << 20
MEASURED = """
import sys
from pathlib import Path
from runpy import run_path
code = run_path(sys.argv[1])["main"](sys.argv[2:])
print("peak", Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
sys.exit(code)
"""


@pytest.fixture(scope="module")
def bundle(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dossier(audited.archive, None, tmp_path_factory.mktemp("bounds") / "d.zip").path


@pytest.fixture
def dossier(bundle: Path) -> Dossier:
    return Dossier.read(bundle)


@pytest.fixture
def signer(audited: Audited) -> Signer:
    return read_signer(audited.home.root / "keys" / "lake.pem")


def checked(*arguments: str | Path) -> tuple[int, str, int]:
    """Exit code, what was said, and the peak of memory in bytes, by the program alone."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, verify.__file__, *map(str, arguments)],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    peak = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("peak ")]
    return done.returncode, said, int(peak[0]) * 1024


LISTS = b"[" + b",".join([b"[]"] * 12_000_000) + b"]"
"""36 MB of JSON, which unpacks from 36 kB, and would take more than a gigabyte."""


@pytest.mark.parametrize("name", [verify.SIGNED, verify.INDEX, "keys/0.pem", "journal.jsonl"])
def test_a_small_file_that_stands_for_a_gigabyte_is_refused_before_it_takes_it(
    name: str, dossier: Dossier, tmp_path: Path
) -> None:
    filled = dossier.having("filler", os.urandom(200_000)).having(name, LISTS)
    code, said, peak = checked(filled.write(tmp_path / "large.zip"))
    assert code == 1
    assert any(line.startswith("FAILS") and name in line for line in said.splitlines())
    assert peak < 256 * MEBIBYTE


def test_a_proof_that_stands_for_a_gigabyte_is_refused_before_it_takes_it(tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_bytes(LISTS)
    code, said, peak = checked("--proof", tmp_path / "proof.json")
    assert (code, "is not a proof about a document" in said) == (2, True)
    assert peak < 256 * MEBIBYTE


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2], ids=["lzma", "bzip2"])
@pytest.mark.parametrize("damaged", [False, True])
def test_only_stored_and_deflated_members_are_read(
    method: int, damaged: bool, dossier: Dossier, tmp_path: Path, capsys: Capture
) -> None:
    """A damaged LZMA stream raises what zip readers do not expect."""
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in dossier.members.items():
            how = method if name == "report/report.html" else zipfile.ZIP_DEFLATED
            archive.writestr(name, body, how)
        at = archive.getinfo("report/report.html").header_offset + 30 + len("report/report.html")
    if damaged:
        content = bytearray(path.read_bytes())
        content[at : at + 40] = bytes(40)
        path.write_bytes(content)
    assert verify.main([str(path)]) == (2 if method == zipfile.ZIP_LZMA else 1)
    said = capsys.readouterr()
    if method == zipfile.ZIP_LZMA:
        assert said.err == f"error: {path}: says of a member more than its name and size: refused\n"
    else:
        message = "report/report.html is packed by another method than stored or deflate"
        assert f"FAILS  {message}" in said.out


DEEP: Any = []
for _ in range(400):
    DEEP = [DEEP]
STRANGE = [10**400, -1, 1.5, "text", None, True, [], {}, DEEP, float("inf"), "\ud800"]


def _fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, of lists the first two elements."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))[:2]
    return [path, *(each for key, inner in items for each in _fields(inner, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value


def _signed_anew(
    dossier: Dossier, name: str, signer: Signer, change: Callable[[Any], Any]
) -> Dossier:
    if name.endswith(".json"):
        content = change(json.loads(dossier.members[name]))
        return dossier.having(name, json.dumps(content).encode()).signed(signer)
    ledger = name.removeprefix("ledgers/").removesuffix(".jsonl.gz")

    def first(rows: list[Any]) -> None:
        rows[0] = change(rows[0])

    return dossier.having_rows(ledger, first).signed(signer)


@pytest.mark.parametrize(
    "name",
    [
        "report/results.json", "report/findings.json", "ledgers/items.jsonl.gz",
        "ledgers/losses.jsonl.gz", "ledgers/attack_items.jsonl.gz", "ledgers/metrics.jsonl.gz",
        "ledgers/consumption.jsonl.gz",
    ],
)  # fmt: skip
def test_whatever_stands_in_a_field_of_a_signed_file_is_told_not_thrown(
    name: str, dossier: Dossier, signer: Signer, tmp_path: Path, capsys: Capture
) -> None:
    """Each field takes one strange value; what a ledger does not need may be anything."""
    first = json.loads(dossier.members[name]) if name.endswith(".json") else None
    example = first if first is not None else dossier.rows(name.split("/")[1].split(".")[0])[0]
    for number, path in enumerate(_fields(example)[:12]):
        value = STRANGE[number % len(STRANGE)]
        strange = _signed_anew(
            dossier, name, signer, lambda row, path=path, value=value: _put(row, path, value)
        )  # fmt: skip
        code = verify.main([str(strange.write(tmp_path / "strange.zip"))])
        assert (code == 0) != ("FAILS" in capsys.readouterr().out)


def test_a_number_of_thousands_of_digits_is_not_computed(
    dossier: Dossier, tmp_path: Path, capsys: Capture
) -> None:
    long = b'{"files": ' + b"9" * 4_000 + b"}"
    assert verify.main([str(dossier.having(verify.INDEX, long).write(tmp_path / "d.zip"))]) == 1
    assert "a number of over 30 digits" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["file", "--key", "--proof"])
def test_what_is_no_file_is_not_waited_for(place: str, bundle: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = str(tmp_path / "pipe")
    arguments = {
        "file": [pipe],
        "--key": [str(bundle), "--key", pipe],
        "--proof": ["--proof", pipe],
    }
    code, said, _ = checked(*arguments[place])
    assert (code, "is not a file" in said) == (2, True)


def test_a_terminal_without_unicode_gets_every_line(dossier: Dossier, tmp_path: Path) -> None:
    flat = dossier
    for name in [one for one in dossier.members if one.startswith("artifacts/")][:40]:
        flat = flat.having(name, "—".encode())
    done = subprocess.run(
        [sys.executable, verify.__file__, str(flat.write(tmp_path / "d.zip"))],
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "more of this kind" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_zip_in_a_zip_is_not_looked_into(dossier: Dossier, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as outer:
        outer.writestr("inner.zip", dossier.packed())
    (tmp_path / "outer.zip").write_bytes(buffer.getvalue())
    assert verify.main([str(tmp_path / "outer.zip")]) == 2
