"""`alignment audit diff`: what changed between two reports, or two recipes."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def diff_command(
    study: StudyName,
    a: Annotated[str, typer.Argument(help="A report's version, `previous`, or a recipe.")],
    b: Annotated[str, typer.Argument(help="A report's version, `current`, or a recipe.")],
    report: ReportVersion = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """What differs, what that changed, and whether it can be attributed to one thing."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.diff import compare
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    show(compare(open_archive(study), a, b, report), as_json=as_json, html=html)
