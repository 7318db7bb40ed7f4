"""`alignment audit check`: whether everything that is recorded still fits together."""

from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson, HtmlFile


def check_studies(
    study: Annotated[
        str | None, typer.Argument(help="One study; all that the lake has without it.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="The journal's head (NUMBER:DIGEST) that was kept: is it still in it?"),
    ] = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """Recompute every digest and chain, and hold all records against each other.

    Writes nothing. Exits with 0 where there is no gap, with 1 where there is one.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.cli.audit.check_lake import check_lake

    closed, answer = check_lake(study, since)
    show(answer, as_json=as_json, html=html)
    if not closed:
        raise typer.Exit(1)
