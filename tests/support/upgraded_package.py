"""The package as it is after an upgrade: a copy of the checkout's, altered by a test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.audited_study import Audited
from tests.support.checkout import CHECKOUT
from tests.support.commands_together import run_together

PACKAGE = "alignment_dagster"


@dataclass(frozen=True)
class Upgraded:
    """A copy of the package with what it is shipped with."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Upgraded":
        computed = shutil.ignore_patterns("target", "logs")
        for name in (PACKAGE, "dbt_project"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=computed)
        for name in ("dagster.yaml", "workspace.yaml", "assets"):
            (folder / name).symlink_to(CHECKOUT / name)
        return cls(folder)

    def replace(self, file: str, old: str, new: str) -> None:
        """Alter a text that a file holds."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} does not say {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def move(self, module: str, to: str) -> None:
        """Move a module of the package, and rename it wherever it is imported."""
        place, new = (Path(PACKAGE, f"{name.replace('.', '/')}.py") for name in (module, to))
        (self.folder / place).rename(self.folder / new)
        for path in (self.folder / PACKAGE).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            renamed = text.replace(f"{PACKAGE}.{module} ", f"{PACKAGE}.{to} ")
            renamed = renamed.replace(
                f'"{place.relative_to(PACKAGE)}"', f'"{new.relative_to(PACKAGE)}"'
            )
            if renamed != text:  # what is written again is compiled again
                path.write_text(renamed, encoding="utf-8")

    def command(self, study: Audited, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`alignment` of this package, over a study."""
        return subprocess.run(
            [sys.executable, "-m", PACKAGE, *arguments],
            cwd=self.folder,
            env=self._environment(study),
            capture_output=True,
            text=True,
        )

    def commands(
        self, study: Audited, *commands: Sequence[str]
    ) -> list["subprocess.CompletedProcess[str]"]:
        """The same, of one after the other."""
        modules = (f"{PACKAGE}.cli.main", f"{PACKAGE}.audit.check", f"{PACKAGE}.running.runner")
        environment = self._environment(study)
        return run_together(
            modules, "alignment", *commands, cwd=self.folder, environment=environment
        )

    def _environment(self, study: Audited) -> dict[str, str]:
        return {**os.environ, **study.environment, "PYTHONPATH": str(self.folder)}
