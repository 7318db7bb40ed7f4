"""`alignment synthetic answers`: take in what a vendor's batch interface answered."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson, StudyName


def answers_command(
    study: StudyName,
    source: Annotated[str, typer.Argument(help="The source whose requests were written.")],
    results: Annotated[Path, typer.Argument(help="The file of results, in JSON Lines.")],
    as_json: AsJson = False,
) -> None:
    """Take in the results of a batch, all of a file or nothing; then `alignment run` goes on."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.synthetic.requests import read_answers
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.preflight.studies import load_study

    declared = load_study(study, assets_folder())
    show(read_answers(declared, Home.from_environment(), source, results), as_json=as_json)
