"""The package as it is installed from its wheel, alone in a folder."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Installed:
    """The package as somebody has it who never saw the checkout."""

    folder: Path

    def run(self, *command: str, cwd: Path) -> str:
        """What a Python program of it prints.

        Other packages are this environment's; of this one only the wheel's files can be found.
        """
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ALIGNMENT_", "DAGSTER_", "PYTHON"))
        }
        done = subprocess.run(
            [sys.executable, *command],
            cwd=cwd,
            env={
                **inherited,
                "PYTHONPATH": str(self.folder),
                "HF_HUB_OFFLINE": "1",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def alignment(self, *arguments: str, cwd: Path) -> str:
        return self.run("-m", "alignment_dagster", *arguments, cwd=cwd)
