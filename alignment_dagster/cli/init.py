"""`alignment init`: a project of one's own."""

from pathlib import Path
from typing import Annotated

import typer


def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a new project with one commented study that runs as it is."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.scaffold import FIRST_STUDY, create_project

    create_project(folder)
    typer.echo(f"{folder / 'assets' / 'studies' / FIRST_STUDY}.yaml is yours to change.")
    typer.echo(f"It runs as it is: alignment run {FIRST_STUDY} (in {folder}, or below it)")
