"""A dossier holds what it says, is the same each time, and can be checked without this project."""

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
STRANGERS = ("alignment_dagster", "dagster", "duckdb", "mlflow", "numpy", "pyarrow", "torch")
STANDARD = sys.stdlib_module_names | {"__future__", "cryptography"}


@pytest.fixture(scope="module")
def bundle(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "dossier.zip"
    done = audited.command("audit", "bundle", NAME, "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path


def test_its_own_program_checks_it_in_an_empty_folder_without_this_project(
    bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "verify.py").write_bytes(Dossier.read(bundle).members["verify.py"])
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", "verify.py", str(bundle)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "FAILS" not in done.stdout
    assert "WHAT WAS SHOWN, IF" in done.stdout
    assert "WHAT WAS NOT PROVED" in done.stdout
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "cryptography" in imported
    assert not imported & set(STRANGERS)
    assert [path.name for path in tmp_path.iterdir()] == ["verify.py"]


def test_the_folder_that_it_was_unpacked_into_is_checked_as_the_zip_is(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed, an added and a missing file are named; no link is read."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    assert verify.main([str(bundle)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert verify.main([str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == told[1:]
    (folder / "notes.txt").write_text("mine")
    assert verify.main([str(folder)]) == 1
    assert "notes.txt" in capsys.readouterr().out
    (folder / "notes.txt").unlink()
    report = folder / "report" / "results.json"
    report.write_bytes(report.read_bytes().replace(b"0.", b"1.", 1))
    assert verify.main([str(folder)]) == 1
    assert "report/results.json" in capsys.readouterr().out
    report.unlink()
    assert verify.main([str(folder)]) == 1
    assert "report/results.json" in capsys.readouterr().out
    report.symlink_to(bundle)
    assert verify.main([str(folder)]) == 2
    assert "is a link" in capsys.readouterr().err


def test_the_program_needs_python_3_9_and_cryptography_only() -> None:
    tree = ast.parse(Path(verify.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [
        one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    ]
    assert {name.split(".")[0] for name in named} <= STANDARD


def test_the_command_checks_it_with_the_key_of_the_lake(audited: Audited, bundle: Path) -> None:
    (key,) = (audited.home.root / "keys" / "trusted").glob("*.pem")
    done = audited.command("audit", "verify", str(bundle), "--key", str(key))
    assert done.returncode == 0, done.stdout
    assert "NOTE" not in done.stdout


def test_two_bundles_are_the_same_byte_for_byte_whatever_they_are_called(
    audited: Audited, bundle: Path, tmp_path: Path
) -> None:
    again = build_dossier(audited.archive, None, tmp_path / "again.zip").path
    assert again.read_bytes() == bundle.read_bytes()


def test_it_holds_the_records_of_everything_behind_the_report(
    bundle: Path, opened: OpenedReport
) -> None:
    members = Dossier.read(bundle).members
    for artifact in opened.ancestors:
        folder = f"artifacts/{artifact.path.relative_to(opened.archive.lake.root / NAME)}"
        for name in ("manifest.json", "provenance.json", "statement.json"):
            assert members[f"{folder}/{name}"] == (artifact.path / name).read_bytes()
    for name in ("report.html", "results.json", "findings.json"):
        assert members[f"report/{name}"] == (opened.report.path / name).read_bytes()


def test_its_ledgers_hold_every_row(bundle: Path, opened: OpenedReport) -> None:
    dossier = Dossier.read(bundle)
    for name in ("items", "losses", "attack_items", "consumption", "metrics"):
        (count,) = fetch_rows(opened.ledgers, f"select count(*) as n from {name}")
        assert len(dossier.rows(name)) == count["n"], name


def test_documents_say_what_each_recipe_did_with_them(bundle: Path, opened: OpenedReport) -> None:
    documents = {row["document_id"]: row for row in Dossier.read(bundle).rows("documents")}
    decided = fetch_rows(opened.ledgers, "select * from dispositions")
    assert sum(len(row["recipes"]) for row in documents.values()) == len(decided)
    for row in decided:
        (use,) = [
            one
            for one in documents[row["document_id"]]["recipes"]
            if one["recipe"] == row["recipe"]
        ]
        columns = ("use", "state", "rule", "value", "cause", "weight")
        assert [use[name] for name in columns] == [row[name] for name in columns]
    packed = {
        (row["document_id"], row["recipe"]): row
        for row in fetch_rows(opened.ledgers, "select * from mixes")
    }
    for document, row in documents.items():
        for use in row["recipes"]:
            mixed = packed.pop((document, use["recipe"]), None)
            columns = ("tokens", "copies", "packed_tokens")
            assert [use[name] for name in columns] == [mixed and mixed[name] for name in columns]
    assert not packed


def test_documents_say_how_often_later_stages_read_them(bundle: Path, opened: OpenedReport) -> None:
    documents = Dossier.read(bundle).rows("documents")
    told = sum(
        times for row in documents for stages in row["seen"].values() for times in stages.values()
    )
    (read,) = fetch_rows(opened.ledgers, "select sum(len(documents)) as n from consumption")
    assert told == read["n"] > 0


def _texts(opened: OpenedReport) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in fetch_rows(opened.ledgers, "select source, text, payload from texts"):
        found.setdefault(row["source"], set()).update(
            text for text in (row["text"], row["payload"]) if text
        )
    return found


def _everything(path: Path) -> str:
    """All members, ledgers unpacked, JSON strings as they read."""
    dossier = Dossier.read(path)
    ledgers = [one.split("/")[1].split(".")[0] for one in dossier.members if one.endswith(".gz")]
    unpacked = [
        json.dumps(list(row.values()), ensure_ascii=False).replace('\\"', '"').replace("\\n", "\n")
        for name in ledgers
        for row in dossier.rows(name)
    ]
    plain = [body.decode() for name, body in dossier.members.items() if not name.endswith(".gz")]
    return "\n".join([*unpacked, *plain])


def test_without_text_no_document_can_be_read_in_it(bundle: Path, opened: OpenedReport) -> None:
    content = _everything(bundle)
    texts = _texts(opened)
    assert len(texts) == 6
    assert not [text for of in texts.values() for text in of if text in content]


def test_redaction_keeps_only_digests_of_a_source(
    audited: Audited, opened: OpenedReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "texts.zip"
    build_dossier(audited.archive, None, path, texts=True, redacted=["ai_news"])
    dossier, texts = Dossier.read(path), _texts(opened)
    told = {row["document_id"]: row for row in dossier.rows("texts")}
    for row in dossier.rows("documents"):
        assert (row["document_id"] in told) == (row["source"] != "ai_news")
    assert {row["text"] for row in told.values()} >= {
        text for text in texts["stories"] if not text.startswith("{")
    }
    content = _everything(path)
    assert not [text for text in texts["ai_news"] if text in content]
    assert verify.main([str(path)]) == 0
    assert f"{len(told)} texts have exactly the ids that are listed" in capsys.readouterr().out


@pytest.fixture
def snapshot(audited: Audited) -> Iterator[None]:
    """That nothing under the home is written or touched."""

    def look() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in audited.home.root.rglob("*")
        }

    before = look()
    yield
    assert look() == before


@pytest.mark.usefixtures("snapshot")
def test_bundling_writes_nothing_to_the_home(audited: Audited, tmp_path: Path) -> None:
    build_dossier(audited.archive, None, tmp_path / "dossier.zip", texts=True)


def _refused(archive: Archive, folder: Path, **options: object) -> str:
    """The message; nothing may be left."""
    before = sorted(folder.iterdir())
    with pytest.raises(ArtifactError) as error:
        build_dossier(archive, options.pop("version", None), folder / "d.zip", **options)  # type: ignore[arg-type]
    assert sorted(folder.iterdir()) == before
    return str(error.value)


def test_an_existing_file_is_not_overwritten(audited: Audited, tmp_path: Path) -> None:
    (tmp_path / "d.zip").write_text("precious")
    assert "exists already" in _refused(audited.archive, tmp_path)
    assert (tmp_path / "d.zip").read_text() == "precious"


def test_a_folder_that_is_not_there_is_named(audited: Audited, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no folder"):
        build_dossier(audited.archive, None, tmp_path / "nowhere" / "d.zip")


def test_an_unknown_source_is_told_with_those_like_it(audited: Audited, tmp_path: Path) -> None:
    message = _refused(audited.archive, tmp_path, texts=True, redacted=["ai_newz"])
    assert "ai_newz" in message
    assert "ai_news" in message


def test_redaction_without_texts_is_a_mistake(audited: Audited, tmp_path: Path) -> None:
    assert "--with-text" in _refused(audited.archive, tmp_path, redacted=["ai_news"])


def test_an_unknown_report_is_one_message(audited: Audited, tmp_path: Path) -> None:
    done = audited.command("audit", "bundle", NAME, "0000beef", "-o", str(tmp_path / "d.zip"))
    assert done.returncode == 2
    assert "0000beef" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ("post_trained_checkpoint", "dpo/model.safetensors"),
        ("evaluation", "items.parquet"),
        ("raw_corpus", "documents/00000.parquet"),
        ("eval_report", "results.json"),
        ("tokenizer", "statement.json"),
        ("curated_mix", "provenance.json"),
    ],
)
def test_an_altered_lake_is_not_bundled(
    altered: Audited, tmp_path: Path, asset: str, name: str
) -> None:
    path = sorted((altered.lake / asset).glob(f"*/*/{name}"))[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (tmp_path / "out").mkdir()
    message = _refused(altered.archive, tmp_path / "out")
    assert asset in message


def test_it_says_of_which_study_and_when_the_report_is_and_which_one_followed_it(
    altered: Audited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, journal = altered.archive.report(), altered.archive.lake.journal(NAME)
    made = journal.history().current("eval_report", None)
    assert made is not None
    newer = NewEntry("eval_report", None, "f" * 16, "d" * 64, "r" * 64, "run", reused=False)
    for number, follows in enumerate((False, True)):
        if follows:
            journal.append(newer)
        path = tmp_path / f"{number}.zip"
        written = build_dossier(altered.archive, report.version, path)
        assert written.head == journal.history().head
        assert verify.main([str(path)]) == 0
        told = capsys.readouterr().out
        since = f"became current on {made.time} (line {made.number} of its journal)"
        assert f"study {NAME}, {report.label}: {since}" in told
        assert f"ends with {written.head}" in told
        superseded = f"superseded by eval_report@{'f' * 16} at line {made.number + 1} ("
        assert (superseded in told) is follows


def test_a_journal_whose_last_line_is_not_signed_is_not_proved(
    altered: Audited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "dossier"
    build_dossier(altered.archive, None, tmp_path / "whole.zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as whole:
        whole.extractall(folder)
    path = folder / "journal.jsonl"
    *lines, last = path.read_text().splitlines()
    signature = json.loads(last)["signature"]
    path.write_text("\n".join([*lines, last.replace(signature, signature[::-1]), ""]))
    assert verify.main([str(folder)]) == 1
    assert "its last line is not signed" in capsys.readouterr().out


def test_an_altered_journal_is_not_bundled(altered: Audited, tmp_path: Path) -> None:
    path = altered.lake / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], *lines[4:]]))
    (tmp_path / "out").mkdir()
    assert "journal.jsonl: line 4 " in _refused(altered.archive, tmp_path / "out")


def test_without_a_key_nothing_is_signed_and_no_key_is_made(
    altered: Audited, tmp_path: Path
) -> None:
    key = altered.home.root / "keys" / "lake.pem"
    key.unlink()
    (tmp_path / "out").mkdir()
    assert "no key to sign with" in _refused(altered.archive, tmp_path / "out")
    assert not key.exists()


def test_a_key_that_the_lake_does_not_trust_is_refused(
    audited: Audited, altered: Audited, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    shutil.rmtree(altered.home.root / "keys")
    stranger = tmp_path / "stranger.pem"
    from alignment_dagster.lineage.signing import create_key

    create_key(stranger)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "alignment"), "audit", "bundle", NAME),
            *("-o", str(tmp_path / "out" / "d.zip")),
        ],
        env={**audited.environment, "ALIGNMENT_SIGNING_KEY": str(stranger)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "trusts" in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_times_and_permissions_in_the_zip_are_fixed(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert os.access(bundle, os.R_OK)
