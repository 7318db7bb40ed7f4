"""A home's backup, made and restored as docs/team.md says, is the same home at another path."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
PARTS = ("lake", "keys", "dagster", "mlflow", "mlflow.db")
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)


@pytest.fixture
def restored(audited: Audited, tmp_path: Path) -> Audited:
    """From an archive of the parts that are named, with the declarations beside it."""
    backup, folder = tmp_path / "backup.tar", tmp_path / "elsewhere"
    for name in ("assets", "data"):
        shutil.copytree(audited.folder / name, folder / name)
    (folder / "home").mkdir()
    _tar("-C", str(audited.home.root), "-cf", str(backup), *PARTS)
    _tar("-C", str(folder / "home"), "-xf", str(backup))
    return Audited(folder)


def _tar(*arguments: str) -> None:
    subprocess.run(["tar", *arguments], check=True)


def test_a_home_restored_at_another_path_is_closed_and_nothing_has_to_run(
    audited: Audited, restored: Audited
) -> None:
    checked = restored.command("audit", "check", NAME)
    assert checked.returncode == 0, checked.stdout
    assert "Closed: everything that is recorded fits together" in checked.stdout
    lines = restored.archive.journal
    done = restored.command("run", NAME)
    assert done.returncode == 0, done.stderr
    assert "Nothing had to run" in done.stdout + done.stderr
    assert restored.archive.journal == lines
    with (restored.study.data / "stories.jsonl").open("a") as stories:
        stories.write('{"text": "Ann mended the gate near the harbour."}\n')
    assert restored.command("run", NAME, "--to", "raw_corpus").returncode == 0
    assert len(restored.archive.journal) == len(lines) + 1
    _assert_mlflow_writes_here(audited, restored)


def _assert_mlflow_writes_here(audited: Audited, restored: Audited) -> None:
    """MLflow keeps whole paths: none of the place that the backup came from is left."""
    with sqlite3.connect(restored.home.root / "mlflow.db") as database:
        for table, column in PLACES:
            rows = database.execute(f"select {column} from {table}").fetchall()
            own = [str(place) for (place,) in rows if NAME in str(place)]
            assert own
            assert not [place for place in own if str(audited.home.root) in place]
            assert all(place.startswith(restored.home.mlflow_artifacts.as_uri()) for place in own)
