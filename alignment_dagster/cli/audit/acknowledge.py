"""`alignment audit acknowledge`: that what Dagster lacks, or has too much, is known."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName


def acknowledge_command(
    study: StudyName,
    note: Annotated[str, typer.Option(help="Why, for whoever reads the check.")] = ...,  # type: ignore[assignment]
) -> None:
    """Sign that runs deleted or lost in Dagster, and events added there, are known.

    For a run that somebody deleted in Dagster's pages, the loss of its database, or an event that
    nobody here wrote. The check notes them from then on, and `alignment run` goes on. Look at
    `alignment audit check` first: whatever else it names, this does not settle.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.foundation.home import Home
    from alignment_dagster.release.acknowledgement import acknowledge

    found = acknowledge(open_archive(study), Home.from_environment(), note)
    for run in found.runs:
        typer.echo(f"run {run} is not in Dagster")
    for event in found.events:
        typer.echo(f"{event} is none that the journal has a line for")
    if found.unsigned:
        typer.echo("the journal's last line was not signed")
    typer.echo(
        f"acknowledged, in line {found.line.number} of the journal ({found.line.head})\n"
        f"next: alignment run {study}, which reports to Dagster what it does not know"
    )
