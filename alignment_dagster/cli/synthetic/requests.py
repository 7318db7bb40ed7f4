"""`alignment synthetic requests`: what is still to be asked, and what it may cost."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson, StudyName


def requests_command(
    study: StudyName,
    batch: Annotated[
        Path | None,
        typer.Option(help="Write the requests of a source to files of this new folder."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="For --batch: the source.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a language model is still to be asked for a study; nothing is asked here."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.synthetic.requests import describe_requests, write_requests
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.preflight.studies import load_study

    if (batch is None) != (source is None):
        raise typer.BadParameter("--batch needs --source, and the other way round")
    declared, home = load_study(study, assets_folder()), Home.from_environment()
    if batch is not None and source is not None:
        show(write_requests(declared, home, source, batch), as_json=as_json)
    else:
        show(describe_requests(declared, home), as_json=as_json)
