"""`alignment audit list` and `view`: what exists, and what one artifact is."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def list_artifacts(
    study: StudyName,
    asset: Annotated[str | None, typer.Option(help="Only this asset.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All versions, not the current ones.")
    ] = False,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """List the artifacts of a study: when, by which code and by whom each was made."""
    from alignment_dagster.audit.artifact_list import describe_artifacts
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    show(describe_artifacts(open_archive(study), asset, every=every), as_json=as_json, html=html)


def view_artifact(
    study: StudyName,
    artifact: Annotated[
        str, typer.Argument(help="asset[partition]@version; the current one without a version.")
    ],
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """Show what an artifact is, what it was made from, and what was made from it."""
    from alignment_dagster.audit.artifact_view import describe_artifact
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    archive = open_archive(study)
    show(describe_artifact(archive, archive.find(artifact)), as_json=as_json, html=html)
