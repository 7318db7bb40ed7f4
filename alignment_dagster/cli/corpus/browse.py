"""`alignment corpus browse`: where people look at the documents."""

import socket
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName


def browse_command(
    study: StudyName,
    recipe: Annotated[str | None, typer.Option(help="The recipe that decided; the first.")] = None,
) -> None:
    """Say where the page of a study's kept and dropped documents is; `alignment ui` serves it."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.current import open_corpus
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.foundation.page_links import AUDIT_PORT, HOST, audit_corpus

    corpus = open_corpus(open_archive(study))
    if recipe is not None:
        corpus.decided(recipe)
    typer.echo(audit_corpus(study, {"recipe": recipe} if recipe else {}))
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, AUDIT_PORT)) != 0:
            typer.echo("Nothing is served there yet: alignment ui", err=True)
