"""`alignment corpus why`: the whole story of one document."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def why_command(
    study: StudyName,
    document: Annotated[
        str, typer.Argument(help="The (beginning of the) id, or file:line where it was read.")
    ],
    recipe: Annotated[str | None, typer.Option(help="One recipe; all without.")] = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """Where a document was read, what it scored, what became of it, why, and what read it."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.story import find_story
    from alignment_dagster.audit.corpus.story_answer import story_as_answer
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    story = find_story(open_archive(study), document, recipe)
    show(story_as_answer(story), as_json=as_json, html=html)
