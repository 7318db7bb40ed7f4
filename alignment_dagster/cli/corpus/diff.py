"""`alignment corpus diff`: what two recipes, or two decisions, make of the same documents."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile

SIDE = "A recipe, recipe@version, or a version of dispositions: `previous`, `current` or its id."


def diff_command(
    study: StudyName,
    a: Annotated[str, typer.Argument(help=SIDE)],
    b: Annotated[str, typer.Argument(help="The same, of the same kind.")],
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """How many documents are decided otherwise, by source and rule, with a few of them."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.changes import compare_decisions
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    show(compare_decisions(open_archive(study), a, b), as_json=as_json, html=html)
