"""`alignment audit impact`: what withdrawing documents would touch."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def impact_command(
    study: StudyName,
    withdrawn: Annotated[
        list[str] | None,
        typer.Argument(
            help="Ids of documents (8 characters or more), source:NAME, or what wrote documents: "
            "prompt:NAME (of a form, or 8 digits of its digest), model:NAME, generator:KIND."
        ),
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", help="A file with one id in each line.")
    ] = None,
    report: ReportVersion = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """The blast radius of withdrawing data, and what must be made again."""
    from alignment_dagster.audit.impact.answer import impact_as_answer
    from alignment_dagster.audit.impact.blast_radius import find_impact
    from alignment_dagster.audit.open_report import open_archive, open_report
    from alignment_dagster.cli.answer_terminal import show

    archive = open_archive(study)
    with open_report(archive, report) as opened:
        found = find_impact(archive, opened, withdrawn or [], listed)
        show(impact_as_answer(found), as_json=as_json, html=html)
