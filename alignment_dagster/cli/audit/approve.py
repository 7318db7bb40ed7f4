"""`alignment audit approve`: a signed decision about a report."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName


def approve_command(
    study: StudyName,
    report: Annotated[
        str | None, typer.Argument(help="The (beginning of the) report's version.")
    ] = None,
    reviewer: Annotated[str, typer.Option(help="Who decides.")] = ...,  # type: ignore[assignment]
    decision: Annotated[str, typer.Option(help="approved or rejected.")] = ...,  # type: ignore[assignment]
    note: Annotated[str, typer.Option(help="Why.")] = ...,  # type: ignore[assignment]
    key: Annotated[
        Path | None,
        typer.Option(help="The reviewer's private ed25519 key (PEM); else one is kept."),
    ] = None,
) -> None:
    """Sign a decision about a report; it is appended to those before and never changed.

    The last decision counts. `alignment results`, Dagster and the audit pages show it.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.review_nodes import describe_verdict
    from alignment_dagster.foundation.errors import AlignmentError
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.graph.review_events import tell_dagster
    from alignment_dagster.preflight.studies import is_declared, load_study
    from alignment_dagster.release.approval import approve

    archive, assets = open_archive(study), assets_folder()
    if report is None:
        raise AlignmentError(
            f"say which report you looked at, by its version; the current one of {study} is "
            f"{archive.report().version}"
        )
    chosen = archive.report(report)
    declared = load_study(study, assets).declaration if is_declared(study, assets) else None
    review = approve(archive, chosen, reviewer, decision, note, key)
    tell_dagster(Home.from_environment(), archive, chosen, review)
    typer.echo(f"{chosen.label}: {describe_verdict([review])} (review {review.number})")
    typer.echo(f"signed with key {review.signed_by}")
    if declared and declared.approvers and review.signed_by not in declared.approvers:
        typer.echo(f"It does not count: approval.by of the study {study} does not name this key.")
    typer.echo(f"journal: {archive.lake.journal(study).history().head}")
