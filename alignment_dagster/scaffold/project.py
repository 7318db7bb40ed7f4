"""A new project: declarations, and what Dagster's and other commands look for beside them."""

import shutil
from pathlib import Path

from alignment_dagster.foundation.atomic_files import new_folder
from alignment_dagster.foundation.shipped import shipped
from alignment_dagster.scaffold.declarations import FIRST_STUDY, filled, write_declarations

FILES = {
    ".gitignore": "gitignore",
    "Makefile": "Makefile",
    "code_location/definitions.py": "definitions",
    "pyproject.toml": "pyproject.toml",
}
"""What is written from a template."""


def create_project(folder: Path) -> None:
    """Make a project with one study, all of it or nothing.

    Raises:
        AlignmentError: if the folder holds something, or cannot be written.
    """
    if not (folder.is_dir() and not any(folder.iterdir())):
        with new_folder(folder) as aside:
            _write(aside)
        return
    # An empty folder is filled, not replaced: somebody may be in it. What makes it a project
    # comes last.
    staged = folder / ".new"
    with new_folder(staged) as aside:
        _write(aside)
    for path in sorted(staged.iterdir(), key=lambda path: path.name == "assets"):
        path.rename(folder / path.name)
    staged.rmdir()


def _write(folder: Path) -> None:
    write_declarations(folder / "assets", FIRST_STUDY)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copyfile(shipped(name), folder / name)
    for place, template in FILES.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(filled(template, FIRST_STUDY), encoding="utf-8")
    for package in (folder / "code_location", folder / "code_location" / "defs"):
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
