"""`alignment audit trace`: from a metric to every document behind it."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def trace_command(
    study: StudyName,
    metric: Annotated[str, typer.Argument(help="Words of its name, separated by `/`.")],
    report: ReportVersion = None,
    document: Annotated[
        str | None, typer.Option(help="The (beginning of the) id of one document: the path to it.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Documents and items shown in full.")] = 10,
    export: Annotated[
        Path | None, typer.Option(help="Also write everything, as Parquet, to this new folder.")
    ] = None,
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """From a metric to its items, checkpoints, steps, sequences, documents and raw rows."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.metrics import find_metric
    from alignment_dagster.audit.open_report import open_archive, open_report
    from alignment_dagster.audit.trace.answer import trace_as_answer
    from alignment_dagster.audit.trace.document_path import trace_document
    from alignment_dagster.audit.trace.document_path_answer import path_as_answer
    from alignment_dagster.audit.trace.export import export_closure as write
    from alignment_dagster.audit.trace.metric_trace import trace_metric
    from alignment_dagster.cli.answer_terminal import show

    with open_report(open_archive(study), report) as opened:
        row = find_metric(opened, metric)
        found = trace_metric(opened, row, top) if export or document is None else None
        if found and export:
            write(opened, found, export)
        if found and document is None:
            show(trace_as_answer(found), as_json=as_json, html=html)
        elif document is not None:
            path = trace_document(opened, row, document)
            show(path_as_answer(path), as_json=as_json, html=html)
