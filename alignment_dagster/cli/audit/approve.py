"""`alignment audit approve`: a signed decision about a report."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName


def approve_command(
    study: StudyName,
    report: Annotated[
        str | None, typer.Argument(help="The (beginning of the) report's version; else current.")
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
    from alignment_dagster.foundation.home import Home
    from alignment_dagster.graph.review_events import tell_dagster
    from alignment_dagster.release.approval import approve

    archive = open_archive(study)
    chosen = archive.report(report)
    review = approve(archive, chosen, reviewer, decision, note, key)
    tell_dagster(Home.from_environment(), archive, chosen, review)
    typer.echo(f"{chosen.label}: {describe_verdict([review])} (review {review.number})")
