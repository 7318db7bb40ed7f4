"""`alignment corpus quarantine`: the rows that cannot be used, and why."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def quarantine_command(
    study: StudyName,
    source: Annotated[str | None, typer.Option(help="One source; all without.")] = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """Every row that cannot be used, with file, line and reason, and how many are allowed."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.quarantine import describe_quarantine
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    show(describe_quarantine(open_archive(study), source), as_json=as_json, html=html)
