"""`alignment results`: the numbers of the latest report."""

from rich.console import Console
from rich.text import Text

from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.audit.review_nodes import describe_verdict, how_to_review
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.graph.instance import open_instance
from alignment_dagster.graph.parents import current_version
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.reviews import reviews
from alignment_dagster.release.gate.status import gate_line
from alignment_dagster.report.findings import read_findings
from alignment_dagster.report.findings_tables import findings_tables
from alignment_dagster.report.results import read_results
from alignment_dagster.report.terminal_table import terminal_table
from alignment_dagster.study import Study

NARROWEST = 136
"""Columns; below, the intervals would be folded."""


def latest_report(study: Study, home: Home) -> Artifact:
    """The current report, verified.

    Raises:
        ArtifactError: if there is none yet, or it was altered.
    """
    with open_instance(home) as instance:
        version = current_version(instance, study.name, "eval_report", None)
    if version is None:
        message = f"study {study.name!r} has no report yet: alignment run {study.name}"
        raise ArtifactError(message)
    return Lake(home.lake).open(study.name, "eval_report", None, version)


def print_results(study: Study, report: Artifact, home: Home, *, as_json: bool) -> None:
    """The tables, gate and last review for a person, or the rows as JSON on standard output."""
    if as_json:
        print((report.path / "results.json").read_text(encoding="utf-8"), end="")
        return
    rows = read_results(report.path / "results.json")
    console = Console()
    console.width = max(console.width, NARROWEST)
    console.print(terminal_table(rows, study.name))
    for table in findings_tables(read_findings(report.path)):
        console.print(table)
    console.print(f"report: {report.path / 'report.html'}", soft_wrap=True)
    if (gate := gate_line(study, home, report)) is not None:
        console.print(Text(f"gate: {visible(gate)}"), soft_wrap=True)
    console.print(Text(f"review: {_review(study.name, report, home)}"), soft_wrap=True)


def _review(study: str, report: Artifact, home: Home) -> str:
    """The last decision with its note, or how to decide; a broken review is said, and no error."""
    try:
        found = reviews(open_archive(study, home), report)
    except ArtifactError as error:
        return visible(str(error))
    if not found:
        return f"none yet ({how_to_review(study, report)})"
    return f"{describe_verdict(found)}: {visible(found[-1].note)}"
