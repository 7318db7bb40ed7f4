"""`alignment audit head`: the journals' heads, to be kept where nobody here can write."""

from typing import Annotated

import typer


def head_command(
    study: Annotated[
        str | None, typer.Argument(help="One study; all that the lake has without it.")
    ] = None,
) -> None:
    """Print a line for each study: its name, and NUMBER:DIGEST of its journal's last line.

    Whoever cuts off a journal's end, with all that it names, leaves no trace in the home. Kept
    elsewhere (a mail, another machine's log), a head shows it: `alignment audit check --since`.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.foundation.errors import AlignmentError
    from alignment_dagster.foundation.home import Home
    from alignment_dagster.lineage.lake import Lake

    lake = Lake(Home.from_environment().lake)
    broken = False
    for name in [study] if study else lake.studies():
        try:
            typer.echo(f"{name} {open_archive(name).lake.journal(name).history().head}")
        except AlignmentError as error:  # the others have a head all the same
            typer.echo(f"error: {error}", err=True)
            broken = True
    if broken:
        raise typer.Exit(2)
