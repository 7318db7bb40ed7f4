"""`alignment audit sql`: the ledgers in DuckDB, to be read."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName
from alignment_dagster.cli.options import AsJson


def sql(
    study: StudyName,
    query: Annotated[str | None, typer.Option("--query", "-c", help="Statements to run.")] = None,
    report: ReportVersion = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every artifact of the study, not one report's.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option(help="Write views.sql and the records to this new folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Query the ledgers behind a report with SQL, read-only."""
    # Imported here for weight: this file is read for every command's --help.
    import sys

    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.sql_session import VIEWS_FILE, Session, write_ledgers
    from alignment_dagster.cli.audit import prompt
    from alignment_dagster.release.gate.reference import add_gate

    archive = open_archive(study)
    artifacts = archive.all() if everything else add_gate(archive, archive.report(report))
    if not everything:
        archive.require_files(artifacts[::-1])
    if write is not None:
        write_ledgers(archive, artifacts, write)
        typer.echo(f"written; in the duckdb shell: .read {write.resolve() / VIEWS_FILE}")
        return
    with Session(archive, artifacts) as session:
        if query is None and sys.stdin.isatty():
            prompt.converse(session, as_json=as_json)
        else:
            statements = sys.stdin.read() if query is None else query
            prompt.answer(session, statements, as_json=as_json)
