"""Arguments and options that the commands share."""

from pathlib import Path
from typing import Annotated

import typer

StudyName = Annotated[str, typer.Argument(help="A study of which the lake holds something.")]
ReportVersion = Annotated[
    str | None,
    typer.Option("--report", help="The (beginning of the) version of a report; else the current."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Also write a page to this file.")]
