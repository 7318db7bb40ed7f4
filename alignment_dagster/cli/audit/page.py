"""`alignment audit page`: an artifact's audit page as a file."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster import chain
from alignment_dagster.cli.audit.options import StudyName


def page_command(
    study: StudyName,
    artifact: Annotated[
        str, typer.Argument(help="asset[partition]@version; the current report without.")
    ] = chain.EVAL_REPORT,
    output: Annotated[Path, typer.Option("-o", "--output", help="A file.")] = Path("audit.html"),
) -> None:
    """Write the page of an artifact: the graph of what it was made from, and all its records."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.pages.answer_page import write_html
    from alignment_dagster.audit.pages.artifact_page import artifact_page

    archive = open_archive(study)
    write_html(artifact_page(archive, archive.find(artifact)), output)
    typer.echo(str(output))
