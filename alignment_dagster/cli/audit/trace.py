"""`alignment audit trace`: from a number to every document behind it."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def trace_command(
    study: StudyName,
    number: Annotated[
        str,
        typer.Argument(
            help="Words of a metric's name, separated by `/`; claim:NAME, or difference:, "
            "benefit:, persistence:, half_life:, mean_benefit: or attack: with such words; or a "
            "number as printed."
        ),
    ],
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
    """From a number to its steps, items, checkpoints, steps, sequences, documents and raw rows."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.metrics import find_metric
    from alignment_dagster.audit.open_report import open_archive, open_report
    from alignment_dagster.audit.trace.answer import trace_as_answer
    from alignment_dagster.audit.trace.document_path import trace_document
    from alignment_dagster.audit.trace.document_path_answer import path_as_answer
    from alignment_dagster.audit.trace.export import export_closure as write
    from alignment_dagster.audit.trace.lookup import require_metric, trace_quoted
    from alignment_dagster.audit.trace.metric_trace import trace_metric
    from alignment_dagster.cli.answer_terminal import show

    with open_report(open_archive(study), report) as opened:
        if document is None and export is None:
            show(trace_quoted(opened, number, top), as_json=as_json, html=html)
            return
        row = find_metric(opened, require_metric(number))
        if export:
            found = trace_metric(opened, row, top)
            write(opened, found, export)
            if document is None:
                show(trace_as_answer(found), as_json=as_json, html=html)
        if document is not None:
            path = trace_document(opened, row, document)
            show(path_as_answer(path), as_json=as_json, html=html)
