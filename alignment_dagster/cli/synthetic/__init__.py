"""`alignment synthetic …`: one file a command."""

import typer

from alignment_dagster.cli.synthetic import coverage, label

synthetic = typer.Typer(
    help="The documents that were written for a study: what there is, and how good it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
synthetic.command("coverage")(coverage.coverage_command)
synthetic.command("label")(label.label_command)
