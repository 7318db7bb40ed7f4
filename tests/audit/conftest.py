"""A tiny study, really run once for all tests of the audit; a copy for those that alter it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny_study
from tiny_study import MEASURED, NAME, TinyStudy

from alignment_dagster.audit.archive import Archive
from alignment_dagster.audit.opening import Opened, open_archive, open_report
from alignment_dagster.home import Home

ALIGNMENT = str(Path(sys.executable).parent / "alignment")


@dataclass(frozen=True)
class Audited:
    """A study that was run to its report, with its declarations and its home."""

    folder: Path

    @property
    def study(self) -> TinyStudy:
        return TinyStudy(self.folder / "assets", self.folder / "data")

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def lake(self) -> Path:
        return self.home.lake / NAME

    @property
    def archive(self) -> Archive:
        return open_archive(NAME, self.home)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ALIGNMENT_ASSETS": str(self.study.assets),
            "ALIGNMENT_DATA": str(self.study.data),
            "ALIGNMENT_HOME": str(self.home.root),
        }

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`alignment` with these arguments."""
        return subprocess.run(
            [ALIGNMENT, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )

    def copy(self, folder: Path) -> "Audited":
        """The same, to be altered."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Audited(folder)


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Not to be altered."""
    folder = tmp_path_factory.mktemp("audited")
    study = tiny_study.create(folder)
    study.change(**MEASURED)
    made = Audited(folder)
    assert (made.study.assets, made.study.data) == (study.assets, study.data)
    done = made.command("run", NAME)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def altered(audited: Audited, tmp_path: Path) -> Audited:
    """A copy that a test may alter."""
    return audited.copy(tmp_path / "altered")


@pytest.fixture(scope="session")
def opened(audited: Audited) -> Iterator[Opened]:
    """The report with its closure and ledgers."""
    with open_report(audited.archive) as found:
        yield found
