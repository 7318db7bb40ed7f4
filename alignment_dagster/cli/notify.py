"""`alignment notify`: whether the messages of a study arrive."""

import typer

from alignment_dagster.cli.options import StudyName
from alignment_dagster.foundation.errors import AlignmentError


def notify(study: StudyName) -> None:
    """Send a test message on every channel that the study's refresh declares."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.refresh.notify import send_test

    sent = send_test(load_study(study, assets_folder()))
    for channel, reason in sent:
        typer.echo(f"{channel}: {reason or 'sent'}")
    if not sent:
        raise AlignmentError(f"study {study!r} declares no refresh.notifications")
    if any(reason for _, reason in sent):
        raise typer.Exit(1)
