"""`alignment synthetic …`: one file a command."""

import typer

from alignment_dagster.cli.synthetic import answers, coverage, label, requests

synthetic = typer.Typer(
    help="The documents that were written for a study: what there is, and how good it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
synthetic.command("requests")(requests.requests_command)
synthetic.command("answers")(answers.answers_command)
synthetic.command("coverage")(coverage.coverage_command)
synthetic.command("label")(label.label_command)
