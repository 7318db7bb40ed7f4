"""`alignment audit diff`: what changed between two reports, two recipes, or two studies."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def diff_command(
    study: StudyName,
    a: Annotated[
        str, typer.Argument(help="A report's version, `previous`, a recipe, or another study.")
    ],
    b: Annotated[
        str | None,
        typer.Argument(help="A report's version, `current`, or a recipe; nothing for a study."),
    ] = None,
    report: ReportVersion = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """What differs, what that changed, and whether it can be attributed to one thing."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.diff import compare, compare_studies
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.errors import ArtifactError
    from alignment_dagster.lineage.archive import similar

    archive = open_archive(study)
    if b is not None:
        show(compare(archive, a, b, report), as_json=as_json, html=html)
        return
    if a not in (there := archive.lake.studies()):
        others = [one for one in there if one != study]
        raise ArtifactError(
            f"{a!r} is no other study (near: {similar(a, others)}); of {study} itself name two "
            "reports or two recipes"
        )
    show(compare_studies(archive, open_archive(a)), as_json=as_json, html=html)
