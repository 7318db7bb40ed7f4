"""`alignment results`: the numbers of the latest report."""

from typing import TYPE_CHECKING, Annotated

import typer

from alignment_dagster.cli.options import StudyName, complete_study
from alignment_dagster.lineage import file_names

if TYPE_CHECKING:
    from alignment_dagster.foundation.home import Home
    from alignment_dagster.lineage.lake import Artifact

NARROWEST = 136
"""Columns; below, the intervals would be folded."""


def results(
    study: StudyName,
    other: Annotated[
        str | None,
        typer.Argument(help="Another study, beside it.", autocompletion=complete_study),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Rows as JSON instead of a table.")] = False,
) -> None:
    """Print the latest report's numbers; of two studies in one table, paired where they can be."""
    if other is not None:
        _print_two(study, other, as_json=json)
        return
    # Imported here for weight: this file is read for every command's --help.
    from rich.console import Console
    from rich.text import Text

    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.foundation.visible_text import visible
    from alignment_dagster.lineage.lake import Lake
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.release.current_report import latest_report
    from alignment_dagster.release.gate.status import gate_line
    from alignment_dagster.report.findings import read_findings
    from alignment_dagster.report.findings_tables import findings_tables
    from alignment_dagster.report.results import read_results
    from alignment_dagster.report.terminal_table import terminal_table
    from alignment_dagster.study.smoke import WARNING, is_smoke

    declared, home = load_study(study, assets_folder()), Home.from_environment()
    report = latest_report(declared, home)
    if json:
        typer.echo((report.path / file_names.RESULTS).read_text(encoding="utf-8"), nl=False)
        return
    console = Console()
    console.width = max(console.width, NARROWEST)
    console.print(terminal_table(read_results(report.path / file_names.RESULTS), declared.name))
    for table in findings_tables(read_findings(report.path)):
        console.print(table)
    if is_smoke(declared.name):
        console.print(Text(WARNING, style="bold red"), soft_wrap=True)
    console.print(f"report: {report.path / file_names.REPORT}", soft_wrap=True)
    steps = f"alignment audit trace {declared.name} NAME, or the number as it is printed"
    console.print(f"the steps to a number, and its data: {steps}", soft_wrap=True)
    if (gate := gate_line(declared, home, report)) is not None:
        console.print(Text(f"gate: {visible(gate)}"), soft_wrap=True)
    head = Lake(home.lake).journal(declared.name).history().head
    kept = "kept elsewhere, it shows a rollback: alignment audit check --since"
    console.print(f"journal: {head} ({kept})", soft_wrap=True)
    console.print(Text(f"review: {_review(declared.name, report, home)}"), soft_wrap=True)


def _print_two(study: str, other: str, *, as_json: bool) -> None:
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.diff.side_by_side import show_side_by_side
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show

    show(show_side_by_side(open_archive(study), open_archive(other)), as_json=as_json)


def _review(study: str, report: "Artifact", home: "Home") -> str:
    """The last decision with its note, or how to decide; a broken review is said, and no error."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.review_nodes import describe_verdict, how_to_review
    from alignment_dagster.foundation.errors import ArtifactError
    from alignment_dagster.foundation.visible_text import visible
    from alignment_dagster.lineage.reviews import reviews

    try:
        found = reviews(open_archive(study, home), report)
    except ArtifactError as error:
        return visible(str(error))
    if not found:
        return f"none yet ({how_to_review(study, report)})"
    return f"{describe_verdict(found)}: {visible(found[-1].note)}"
