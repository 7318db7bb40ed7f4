"""Arguments and options that the audit's commands share."""

from typing import Annotated

import typer

from alignment_dagster.cli.options import complete_study

StudyName = Annotated[
    str,
    typer.Argument(
        help="A study of which the lake holds something.", autocompletion=complete_study
    ),
]
ReportVersion = Annotated[
    str | None,
    typer.Option("--report", help="The (beginning of the) version of a report; else the current."),
]
