"""Arguments and options that several commands share, and how a shell completes them."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import assets_folder


def complete_study(incomplete: str) -> list[str]:
    """The declared studies whose names begin so; none outside of a project."""
    from alignment_dagster.study.files import study_files  # for weight

    try:
        names = study_files(assets_folder())
    except AlignmentError:
        return []
    return [name for name in names if name.startswith(incomplete)]


StudyName = Annotated[
    str,
    typer.Argument(
        help="A study declared in assets/studies/.",
        autocompletion=complete_study,
    ),
]
AnyStudy = Annotated[
    str | None,
    typer.Argument(help="One study; all without it.", autocompletion=complete_study),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Also write a page to this file.")]
