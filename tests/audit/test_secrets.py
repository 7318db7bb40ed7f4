"""No secret of the environment is in anything that is written, shown or given away."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from tests.support.audited_study import CANARIES, CANARY, Audited
from tests.support.tiny_study import NAME


def holding(folder: Path) -> Iterator[str]:
    """The files below the folder that hold a canary, also in an archive's members."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        if any(CANARY.encode() in content for content in contents):
            yield str(path.relative_to(folder))


@pytest.mark.slow
def test_secrets_of_the_environment_are_in_no_file_bundle_or_page(
    audited: Audited, tmp_path: Path
) -> None:
    assert all(CANARY in value for value in CANARIES.values())
    for arguments in (
        ["audit", "bundle", NAME, "-o", str(tmp_path / "bundle.zip")],
        ["audit", "page", NAME, "-o", str(tmp_path / "page.html")],
    ):
        done = audited.command(*arguments)
        assert done.returncode == 0, done.stderr
        assert CANARY not in done.stdout + done.stderr
    assert len(list(audited.home.root.rglob("*"))) > 100
    assert list(holding(audited.home.root)) == []
    assert list(holding(tmp_path)) == []
    (tmp_path / "proof").write_text(f"found: {CANARY}")
    assert list(holding(tmp_path)) == ["proof"], "the search finds one that is there"


def test_a_password_in_the_address_of_mlflow_is_refused_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://user:{CANARY}@mlflow.example.org/")
    with pytest.raises(AlignmentError, match="MLFLOW_TRACKING_PASSWORD") as caught:
        _ = Home(tmp_path).mlflow_uri
    assert CANARY not in str(caught.value)
    assert os.listdir(tmp_path) == []
