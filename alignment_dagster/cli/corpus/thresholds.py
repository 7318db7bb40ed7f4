"""`alignment corpus thresholds`: what each bound of a score would drop."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def thresholds_command(
    study: StudyName,
    column: Annotated[
        str | None,
        typer.Argument(help="scorer.column, or metadata.column; all that rules bound without."),
    ] = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """What share of documents and characters a rule would drop at each bound, by source."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.threshold_answer import (
        measure_thresholds,
        thresholds_as_answer,
    )
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    found = measure_thresholds(open_archive(study), column)
    show(thresholds_as_answer(study, found), as_json=as_json, html=html)
