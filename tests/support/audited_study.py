"""A study that was run to its report: its declarations, its home, and `alignment` over them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive
from drills import warm
from tests.support import tiny_study
from tests.support.tiny_study import MEASURED, NAME, STUDY, TinyStudy

ALIGNMENT = str(Path(sys.executable).parent / "alignment")
RUN_OUTPUT = "run.txt"
"""What the command said that ran a refreshed study again."""
CANARY = "canary-7f3a9c"
CANARIES = {
    "ALIGNMENT_JUDGE_URL": f"https://judge.example.org/{CANARY}",
    "ALIGNMENT_JUDGE_KEY": f"{CANARY}-judge",
    "ALIGNMENT_SMTP_FROM": f"{CANARY}@example.org",
    "ALIGNMENT_SMTP_PASSWORD": f"{CANARY}-smtp",
    "MLFLOW_TRACKING_PASSWORD": f"{CANARY}-mlflow",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-s3",
    "DAGSTER_PG_PASSWORD": f"{CANARY}-postgres",
    "TEAM_HOOK": f"https://hooks.example.org/{CANARY}",
}
"""Secrets that are in the environment while the study is run; `test_secrets.py` looks for them."""


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
            **CANARIES,
        }

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`alignment` with these arguments."""
        return warm.alignment(*arguments, environment=self.environment)

    def copy(self, folder: Path) -> "Audited":
        """The same, to be altered."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Audited(folder)


def run_audited(folder: Path) -> Audited:
    """Make the study in a folder, and run it to its report by the console script itself.

    Two processes share each pretraining; what is replayed is taken by one. Of the recipe `aligned`
    tokens are treated, and rewarded.
    """
    study = tiny_study.create(folder)
    study.change(**MEASURED, pretraining={**STUDY["pretraining"], "ranks": 2})
    study.treat_aligned()
    made = Audited(folder)
    assert (made.study.assets, made.study.data) == (study.assets, study.data)
    done = subprocess.run(
        [ALIGNMENT, "run", NAME], env=made.environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return made


def refresh_audited(made: Audited, folder: Path) -> Audited:
    """A copy, run again with more synthetic documents in the recipe `aligned`; see `RUN_OUTPUT`."""
    copy = made.copy(folder)
    copy.study.treat_aligned(0.4)
    done = copy.command("run", NAME)
    assert done.returncode == 0, done.stderr
    (folder / RUN_OUTPUT).write_text(done.stderr)
    return copy
